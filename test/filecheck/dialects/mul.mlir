// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @mul(%a: memref<1x4x4x8xi8>, %b: memref<1x4x4x8xi8>, %y: memref<1x4x4x8xi8>, %scalar: memref<i8>, %square: memref<i8>) {
  tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
    outs(%y : memref<1x4x4x8xi8>) requant <1717986918, -7>
    zero_points [6, -14, -8] clamp [-128, 127] rounding double
  // CHECK: tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) requant <1717986918, -7> zero_points [6, -14, -8] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.mul"(%a, %b, %y) <{requant = #tinyml.requant<1717986918, -7>, zero_points = array<i64: 6, -14, -8>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x4x4x8xi8>, memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) -> ()

  tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
    outs(%y : memref<1x4x4x8xi8>) requant <1717986918, 2>
    zero_points [6, -14, -8] clamp [0, 127] rounding single
  // CHECK: tinyml.mul ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) requant <1717986918, 2> zero_points [6, -14, -8] clamp [0, 127] rounding single

  // One element, in a buffer of no dimensions.
  tinyml.mul ins(%scalar, %scalar : memref<i8>, memref<i8>)
    outs(%square : memref<i8>) requant <-1717986918, 0>
    zero_points [0, 0, 0] clamp [0, 127] rounding even
  // CHECK: tinyml.mul ins(%scalar, %scalar : memref<i8>, memref<i8>) outs(%square : memref<i8>) requant <-1717986918, 0> zero_points [0, 0, 0] clamp [0, 127] rounding even

  func.return
}
