// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @moving(%x: memref<1x4x4x8xi8>, %b: memref<1x4x4x2xi8>, %c: memref<1x4x4x10xi8>, %d: memref<1x4x4x8xi8>, %s: memref<1x2x4x3xi8>, %n: memref<1x8x8x8xi8>, %l: memref<1x7x5x8xi8>) {
  tinyml.concat ins(%x, %b : memref<1x4x4x8xi8>, memref<1x4x4x2xi8>) outs(%c : memref<1x4x4x10xi8>) axis 3
  tinyml.concat ins(%x : memref<1x4x4x8xi8>) outs(%d : memref<1x4x4x8xi8>) axis 0
  tinyml.slice ins(%x : memref<1x4x4x8xi8>) outs(%s : memref<1x2x4x3xi8>) offsets [0, 1, 3, 2] strides [1, 2, -1, 1]
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%n : memref<1x8x8x8xi8>) align_corners
  tinyml.resize_bilinear ins(%x : memref<1x4x4x8xi8>) outs(%l : memref<1x7x5x8xi8>) half_pixel
  func.return
}

// CHECK:         tinyml.concat ins(%x, %b : memref<1x4x4x8xi8>, memref<1x4x4x2xi8>) outs(%c : memref<1x4x4x10xi8>) axis 3
// CHECK-NEXT:    tinyml.concat ins(%x : memref<1x4x4x8xi8>) outs(%d : memref<1x4x4x8xi8>) axis 0
// CHECK-NEXT:    tinyml.slice ins(%x : memref<1x4x4x8xi8>) outs(%s : memref<1x2x4x3xi8>) offsets [0, 1, 3, 2] strides [1, 2, -1, 1]
// CHECK-NEXT:    tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%n : memref<1x8x8x8xi8>) align_corners
// CHECK-NEXT:    tinyml.resize_bilinear ins(%x : memref<1x4x4x8xi8>) outs(%l : memref<1x7x5x8xi8>) half_pixel
// CHECK-GENERIC: "tinyml.concat"(%x, %b, %c) <{axis = 3 : i64}>
// CHECK-GENERIC: "tinyml.slice"(%x, %s) <{offsets = array<i64: 0, 1, 3, 2>, strides = array<i64: 1, 2, -1, 1>}>
// CHECK-GENERIC: "tinyml.resize_nearest"(%x, %n) <{align_corners}>
// CHECK-GENERIC: "tinyml.resize_bilinear"(%x, %l) <{half_pixel}>

func.func @places(%x: memref<1x4x4x8xi8>, %y: memref<1x3x2x8xi8>) {
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>)
    rows [0, 1, 3] columns [1, 3]
  func.return
}
// CHECK: tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>) rows [0, 1, 3] columns [1, 3]
// CHECK-GENERIC: "tinyml.resize_nearest"(%x, %y) <{rows = array<i64: 0, 1, 3>, columns = array<i64: 1, 3>}>
