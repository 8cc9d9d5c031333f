// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @requantize(%x: memref<1x8xi8>, %y: memref<1x8xi8>, %u: memref<1x8xui8>, %v: memref<1x8xui8>) {
  tinyml.requantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xi8>)
    requant <1717986918, -3> zero_points [-128, 127] rounding double
  // CHECK: tinyml.requantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xi8>) requant <1717986918, -3> zero_points [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.requantize"(%x, %y) <{requant = #tinyml.requant<1717986918, -3>, zero_points = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x8xi8>, memref<1x8xi8>) -> ()

  // Between unsigned and signed bytes, both ways.
  tinyml.requantize ins(%u : memref<1x8xui8>) outs(%y : memref<1x8xi8>)
    requant <1073741824, 1> zero_points [127, -1] rounding single
  // CHECK: tinyml.requantize ins(%u : memref<1x8xui8>) outs(%y : memref<1x8xi8>) requant <1073741824, 1> zero_points [127, -1] rounding single
  // CHECK-GENERIC: "tinyml.requantize"(%u, %y) <{requant = #tinyml.requant<1073741824, 1>, zero_points = array<i64: 127, -1>, rounding = #tinyml<rounding single>}> : (memref<1x8xui8>, memref<1x8xi8>) -> ()

  tinyml.requantize ins(%x : memref<1x8xi8>) outs(%v : memref<1x8xui8>)
    requant <1073741824, 1> zero_points [-128, 0] rounding even
  // CHECK: tinyml.requantize ins(%x : memref<1x8xi8>) outs(%v : memref<1x8xui8>) requant <1073741824, 1> zero_points [-128, 0] rounding even

  func.return
}
