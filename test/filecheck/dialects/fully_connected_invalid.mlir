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
