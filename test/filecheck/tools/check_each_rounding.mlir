// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-overlap,test-drop-rounding' 2>&1 | filecheck %s

// One rounding in place of two makes a difference of 1, and of few elements only.
// CHECK: error: test-drop-rounding: changes the result (pass 2): layer "scaled" (tinyml.conv2d) at

"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<2x1x1x2xi8>, initial_value = dense<[[[[3, -2]]], [[[-1, 4]]]]> : tensor<2x1x1x2xi8>, constant}> : () -> ()
"memref.global"() <{sym_name = "r", sym_visibility = "private", type = memref<2x2xi32>, initial_value = dense<[[1234567890, -1], [1500000000, -2]]> : tensor<2x2xi32>, constant}> : () -> ()

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.conv2d ins(%x : memref<1x8x8x2xi8>) outs(%y : memref<1x8x8x2xi8>) weights @w requant @r window <[1, 1]> zero_points [-3, 2] clamp [-128, 127] rounding double loc("scaled")
  func.return
}
