// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

// Inputs are aligned at the last dimension.
func.func @broadcast(%x: memref<1x4x4x8xi8>, %b: memref<8xi8>, %one: memref<1xi8>, %y: memref<1x4x4x8xi8>, %z: memref<1x4x4x8xi8>, %u: memref<1x4x4x8xi8>, %v: memref<1x4x4x8xi8>) {
  tinyml.sub ins(%x, %b : memref<1x4x4x8xi8>, memref<8xi8>) outs(%y : memref<1x4x4x8xi8>) requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1073741824, 0>, #tinyml.requant<1073741824, -19>] zero_points [0, 1, 2] clamp [-128, 127] rounding double
  tinyml.maximum ins(%x, %b : memref<1x4x4x8xi8>, memref<8xi8>) outs(%z : memref<1x4x4x8xi8>)
  tinyml.minimum ins(%one, %x : memref<1xi8>, memref<1x4x4x8xi8>) outs(%u : memref<1x4x4x8xi8>)
  tinyml.mul ins(%x, %one : memref<1x4x4x8xi8>, memref<1xi8>) outs(%v : memref<1x4x4x8xi8>) requant <1073741824, -3> zero_points [0, 1, 2] clamp [-128, 127] rounding double
  func.return
}

// CHECK:         tinyml.sub ins(%x, %b : memref<1x4x4x8xi8>, memref<8xi8>) outs(%y : memref<1x4x4x8xi8>) requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1073741824, 0>, #tinyml.requant<1073741824, -19>] zero_points [0, 1, 2] clamp [-128, 127] rounding double
// CHECK-NEXT:    tinyml.maximum ins(%x, %b : memref<1x4x4x8xi8>, memref<8xi8>) outs(%z : memref<1x4x4x8xi8>)
// CHECK-NEXT:    tinyml.minimum ins(%one, %x : memref<1xi8>, memref<1x4x4x8xi8>) outs(%u : memref<1x4x4x8xi8>)
// CHECK-NEXT:    tinyml.mul ins(%x, %one : memref<1x4x4x8xi8>, memref<1xi8>) outs(%v : memref<1x4x4x8xi8>) requant <1073741824, -3> zero_points [0, 1, 2] clamp [-128, 127] rounding double
// CHECK-GENERIC: "tinyml.sub"(%x, %b, %y) <{
// CHECK-GENERIC: "tinyml.maximum"(%x, %b, %z) : (memref<1x4x4x8xi8>, memref<8xi8>, memref<1x4x4x8xi8>) -> ()
