// Without instructions of a core, MLIR reads lowered layers in their custom form, knowing
// no dialect of ours.

// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all},tinyml-convert-layers-to-loops,tinyml-convert-acle-to-arith,canonicalize' | filecheck %s --check-prefix=OURS
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all},tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena,dce,tinyml-convert-acle-to-arith' | %mlir_opt --allow-unregistered-dialect --canonicalize | filecheck %s

// OURS-NOT: acle.

// CHECK:     memref.global "private" constant @{{.*}} : memref<
// CHECK-NOT: tinyml.
// CHECK:     func.func private @layer_00_conv2d(
// CHECK:       scf.for
// CHECK:       memref.load
// CHECK:       arith.muli
// CHECK:     func.func @main(%arg0: memref<{{[0-9]+}}xi8>)
// CHECK:       call @layer_00_conv2d(

"memref.global"() <{sym_name = "w", type = memref<4x1x1x4xi8>, initial_value = dense<3> : tensor<4x1x1x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1076887552, -5], [1276887552, -5], [1476887552, -5], [1876887552, -5]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x6x6x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6x6x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.conv2d ins(%x : memref<1x6x6x4xi8>) outs(%y : memref<1x6x6x4xi8>)
    weights @w requant @rq window <[1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
