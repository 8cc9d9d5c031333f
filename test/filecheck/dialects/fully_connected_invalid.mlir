// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<7xi8>, %y: memref<2x2xi8>) {
  tinyml.fully_connected ins(%x : memref<7xi8>) outs(%y : memref<2x2xi8>)
    weights @w requant @rq
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: input (7,) does not divide into 2 rows

// -----

// A scalar has no channels.
func.func @main(%x: memref<7xi8>, %y: memref<i8>) {
  tinyml.fully_connected ins(%x : memref<7xi8>) outs(%y : memref<i8>)
    weights @w requant @rq
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: memref<i8> has no dimensions

// -----

func.func @main(%x: memref<4xi8>, %y: memref<2xi8>) {
  tinyml.fully_connected ins(%x : memref<4xi8>) outs(%y : memref<2xi8>)
    weights @w requant @rq
    zero_points [0, -129] clamp [-128, 127] rounding double
  func.return
}
// CHECK: zero point -129 is not in [-128, 127]

// -----

func.func @main(%x: memref<4xi8>, %y: memref<2xi8>) {
  tinyml.fully_connected ins(%x : memref<4xi8>) outs(%y : memref<2xi8>)
    weights @w requant @rq
    zero_points [0, 0] clamp [-128, 127] rounding away
  func.return
}
// CHECK: rounding away is not defined for accumulators

// -----

// Factors of single precision are floats.
"memref.global"() <{sym_name = "w", type = memref<2x4xi8>, initial_value = dense<1> : tensor<2x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x4xi8>, %y: memref<1x2xi8>) {
  tinyml.fully_connected ins(%x : memref<1x4xi8>) outs(%y : memref<1x2xi8>)
    weights @w requant @rq zero_points [0, 0] clamp [-128, 127] rounding f32
  func.return
}
// CHECK: @rq is memref<2x2xi32>, expected memref<2xf32>
