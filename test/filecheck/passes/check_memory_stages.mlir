// RUN: tinyml-opt %s -p 'tinyml-plan-memory{alignment=1},tinyml-annotate-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops,tinyml-lower-arena,tinyml-insert-layer-hooks,dce,tinyml-mark-readonly,tinyml-check-memory' --split-input-file --verify-diagnostics | filecheck %s

// The output as near to the input as the stage allows: 30 bytes below.
func.func @main(%x: memref<1x6x5x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6x5x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.stage ins(%x : memref<1x6x5x1xi8>) outs(%y : memref<1x6x5x2xi8>) grid [1, 1] halo cache, recompute {
  ^bb0(%x_1: memref<1x6x5x1xi8>, %y_1: memref<1x6x5x2xi8>):
    %a = tinyml.alloc : memref<1x6x5x1xi8>
    tinyml.max_pool2d ins(%x_1 : memref<1x6x5x1xi8>) outs(%a : memref<1x6x5x1xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
    tinyml.concat ins(%a, %a : memref<1x6x5x1xi8>, memref<1x6x5x1xi8>) outs(%y_1 : memref<1x6x5x2xi8>) axis 3
  } {tinyml.reuse = [#tinyml.reuse<in 0, below 30, above 60>]} loc("twice")
  func.return
}
// CHECK: func.func @main(%arena: memref<65xi8>)
// CHECK: func.call @stage_00

// -----

// One byte nearer.
func.func @main(%x: memref<1x6x5x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6x5x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.stage ins(%x : memref<1x6x5x1xi8>) outs(%y : memref<1x6x5x2xi8>) grid [1, 1] halo cache, recompute {
  ^bb0(%x_1: memref<1x6x5x1xi8>, %y_1: memref<1x6x5x2xi8>):
    %a = tinyml.alloc : memref<1x6x5x1xi8>
    tinyml.max_pool2d ins(%x_1 : memref<1x6x5x1xi8>) outs(%a : memref<1x6x5x1xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
    tinyml.concat ins(%a, %a : memref<1x6x5x1xi8>, memref<1x6x5x1xi8>) outs(%y_1 : memref<1x6x5x2xi8>) axis 3
  } {tinyml.reuse = [#tinyml.reuse<in 0, below 29, above 60>]} loc("twice")
  func.return
}
// CHECK: @stage_00 ("twice"): byte 20 of %x (49 of the arena) was overwritten with %y by @stage_00 ("twice")
