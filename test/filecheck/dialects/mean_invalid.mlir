// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<2x3xi8>, %y: memref<2x3xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<2x3xi8>) axes []
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: axes [] are not ascending and distinct

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<1xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<1xi8>) axes [1, 0]
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: axes [1, 0] are not ascending and distinct

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<3xi8>) axes [0, 0]
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: axes [0, 0] are not ascending and distinct

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<2xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<2xi8>) axes [-1]
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: axes [-1] are not in [0, 1]

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<2xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<2xi8>) axes [2]
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: axes [2] are not in [0, 1]

// -----

// All reduced dimensions are kept, or all are dropped.
func.func @main(%x: memref<2x3x4xi8>, %y: memref<1x4xi8>) {
  tinyml.mean ins(%x : memref<2x3x4xi8>) outs(%y : memref<1x4xi8>) axes [0, 1]
    requant <1, 0> zero_points [0, 0] rounding double
  func.return
}
// CHECK: output is (1, 4), expected (1, 1, 4) or (4,)

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<3xi8>) axes [0]
    requant <1, 0> zero_points [0] rounding double
  func.return
}
// CHECK: 1 zero points for 2 buffers (inputs, output)

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3xi8>) {
  tinyml.mean ins(%x : memref<2x3xi8>) outs(%y : memref<3xi8>) axes [0]
    requant <1, 0> zero_points [0, 0] rounding away
  func.return
}
// CHECK: rounding away is not defined for means
