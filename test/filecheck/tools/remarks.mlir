// RUN: tinyml-opt %s -p tinyml-select-kernels,tinyml-inplace,tinyml-overlap,tinyml-overlap --remarks 2>&1 >/dev/null | filecheck %s
// RUN: tinyml-opt %s -p tinyml-select-kernels,tinyml-overlap --remarks=tinyml-select-kernels 2> %t.none >/dev/null
// RUN: diff %t.none /dev/null
// RUN: not tinyml-opt %s -p tinyml-overlap --remarks=tinyml-inplace 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: tinyml-opt %s -p tinyml-plan-stages --remarks=tinyml-plan-stages 2>&1 >/dev/null | filecheck %s --check-prefix=STAGES
// RUN: tinyml-opt %s -p 'tinyml-plan-stages{ram=1000}' --remarks 2>&1 >/dev/null | filecheck %s --check-prefix=FITS
// RUN: tinyml-opt %s -p tinyml-fuse-activation,tinyml-fold-pad --remarks 2>&1 >/dev/null | filecheck %s --check-prefix=FOLDS
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=free}' --remarks 2>&1 >/dev/null | filecheck %s --check-prefix=KERNELS

// What is compiled does not depend on who listens.
// RUN: tinyml-opt %s -p @default -t tinyml-c > %t.c
// RUN: tinyml-opt %s -p @default -t tinyml-c --remarks 2>/dev/null | diff %t.c -

"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "f", type = memref<4x3x3x4xi8>, initial_value = dense<1> : tensor<4x3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1073741824, 0], [1073741824, 0], [1073741824, 0], [1073741824, 0]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x4x4x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x3x3x4xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<1x4x4x4xi8>
  %p = tinyml.alloc : memref<1x5x5x4xi8>
  tinyml.depthwise_conv2d ins(%x : memref<1x4x4x4xi8>) outs(%a : memref<1x4x4x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  tinyml.add ins(%x, %a : memref<1x4x4x4xi8>, memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  tinyml.pad ins(%a : memref<1x4x4x4xi8>) outs(%p : memref<1x5x5x4xi8>) low [0, 0, 0, 0] high [0, 1, 1, 0] value 5
  tinyml.conv2d ins(%p : memref<1x5x5x4xi8>) outs(%z : memref<1x3x3x4xi8>)
    weights @f requant @rq window <[3, 3]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}

// What a pass says twice is printed once.
// CHECK:      remarks.mlir:{{[0-9]+}}:3: remark: [tinyml-overlap] @tinyml.pad: no overlap: tinyml.pad does not read in the order in which it writes
// CHECK-NOT:  remark
// UNKNOWN:    tinyml-opt: no pass of the pipeline is 'tinyml-inplace'; there are: tinyml-overlap
// STAGES:     remarks.mlir:{{[0-9]+}}:1: remark: [tinyml-plan-stages] @main: {{.*}}layer by layer the arena takes {{[0-9]+}} bytes
// FITS:       remark: [tinyml-plan-stages] @main: no stages: layer by layer the arena takes {{[0-9]+}} bytes, and ram=1000
// FOLDS:      remarks.mlir:{{[0-9]+}}:3: remark: [tinyml-fold-pad] @tinyml.pad: not folded: tinyml.conv2d cannot pad by itself like this
// KERNELS:    remark: [tinyml-select-kernels] @tinyml.conv2d: dot needs {{[0-9]+}} bytes of scratch memory, which words=free leaves out
