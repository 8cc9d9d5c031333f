// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @mean(%x: memref<1x7x7x8xi8>, %dropped: memref<1x8xi8>, %kept: memref<1x1x1x8xi8>, %scalar: memref<i8>) {
  // The reduced dimensions are dropped ...
  tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%dropped : memref<1x8xi8>) axes [1, 2]
    requant <1402438300, -5> zero_points [-128, -128] rounding double
  // CHECK: tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%dropped : memref<1x8xi8>) axes [1, 2] requant <1402438300, -5> zero_points [-128, -128] rounding double
  // CHECK-GENERIC: "tinyml.mean"(%x, %dropped) <{axes = array<i64: 1, 2>, requant = #tinyml.requant<1402438300, -5>, zero_points = array<i64: -128, -128>, rounding = #tinyml<rounding double>}> : (memref<1x7x7x8xi8>, memref<1x8xi8>) -> ()

  // ... or kept as 1.
  tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%kept : memref<1x1x1x8xi8>) axes [1, 2]
    requant <1402438300, -5> zero_points [127, 0] rounding single
  // CHECK: tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%kept : memref<1x1x1x8xi8>) axes [1, 2] requant <1402438300, -5> zero_points [127, 0] rounding single

  // All of them.
  tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%scalar : memref<i8>) axes [0, 1, 2, 3]
    requant <1402438300, -8> zero_points [0, 0] rounding even
  // CHECK: tinyml.mean ins(%x : memref<1x7x7x8xi8>) outs(%scalar : memref<i8>) axes [0, 1, 2, 3] requant <1402438300, -8> zero_points [0, 0] rounding even

  func.return
}
