// Lowered networks go through mlir-opt and back, and are what they were.

// Loops and calls on buffers, with Arm's instructions in them:
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all},tinyml-stream{first=1 layers=2},tinyml-plan-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops' --print-op-generic --print-debuginfo > %t.loops.mlir
// RUN: filecheck %s --check-prefix=LOOPS < %t.loops.mlir
// RUN: %mlir_opt_generic %t.loops.mlir > %t.back.mlir
// RUN: %same_ir %t.loops.mlir %t.back.mlir

// LOOPS-DAG: "tinyml.alloc"(
// LOOPS-DAG: "acle.smlad"(
// LOOPS-DAG: tinyml.stage = {ops = ["a", "b"]

// One arena, as C is printed of it:
// RUN: tinyml-opt %t.back.mlir -p 'tinyml-lower-arena,tinyml-insert-layer-hooks,dce,tinyml-mark-readonly,tinyml-merge-kernels' --print-op-generic --print-debuginfo > %t.arena.mlir
// RUN: %mlir_opt_generic %t.arena.mlir > %t.back.mlir
// RUN: %same_ir %t.arena.mlir %t.back.mlir

// Hot loops as instructions of a core, with their registers:
// RUN: tinyml-opt %t.back.mlir -p 'tinyml-outline-hot-loops,tinyml-select-thumb,tinyml-thumb-spill{core=cortex-m4},tinyml-thumb-schedule{core=cortex-m4},tinyml-thumb-allocate' --print-op-generic --print-debuginfo > %t.thumb.mlir
// RUN: filecheck %s --check-prefix=THUMB < %t.thumb.mlir
// RUN: %mlir_opt_generic %t.thumb.mlir > %t.back.mlir
// RUN: %same_ir %t.thumb.mlir %t.back.mlir

// THUMB: "thumb.ldr"({{.*}} -> !thumb.reg<r

"memref.global"() <{sym_name = "w", type = memref<4x1x1x4xi8>, initial_value = dense<3> : tensor<4x1x1x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "v", type = memref<3x3x4xi8>, initial_value = dense<2> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1076887552, -5], [1276887552, -5], [1476887552, -5], [1876887552, -5]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x6x6x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6x6x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %s = tinyml.alloc : memref<1x6x6x4xi8>
  %t = tinyml.alloc : memref<1x6x6x4xi8>
  tinyml.conv2d ins(%x : memref<1x6x6x4xi8>) outs(%s : memref<1x6x6x4xi8>)
    weights @w requant @rq window <[1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double loc("first")
  tinyml.depthwise_conv2d ins(%s : memref<1x6x6x4xi8>) outs(%t : memref<1x6x6x4xi8>)
    weights @v requant @rq window <[3, 3], pad = [1, 1, 1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double loc("a")
  tinyml.conv2d ins(%t : memref<1x6x6x4xi8>) outs(%y : memref<1x6x6x4xi8>)
    weights @w requant @rq window <[1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double loc("b")
  func.return
}
