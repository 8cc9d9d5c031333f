// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @axis(%x: memref<1x4xi8>, %y: memref<1x4xi8>) {
  tinyml.concat ins(%x : memref<1x4xi8>) outs(%y : memref<1x4xi8>) axis 2
  func.return
}
// CHECK: axis 2 is not in [0, 1]

// -----

func.func @part(%x: memref<2x4xi8>, %y: memref<1x4xi8>) {
  tinyml.concat ins(%x : memref<2x4xi8>) outs(%y : memref<1x4xi8>) axis 1
  func.return
}
// CHECK: (2, 4) is no part of (1, 4) along axis 1

// -----

func.func @total(%x: memref<1x4xi8>, %z: memref<1x4xi8>, %y: memref<1x7xi8>) {
  tinyml.concat ins(%x, %z : memref<1x4xi8>, memref<1x4xi8>) outs(%y : memref<1x7xi8>) axis 1
  func.return
}
// CHECK: the inputs have 8 along axis 1, the output 7

// -----

func.func @elements(%x: memref<1x4xi8>, %y: memref<1x4xi32>) {
  tinyml.concat ins(%x : memref<1x4xi8>) outs(%y : memref<1x4xi32>) axis 1
  func.return
}
// CHECK: element types i8 and i32 differ

// -----

func.func @rank(%x: memref<1x4xi8>, %y: memref<4xi8>) {
  tinyml.slice ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>) offsets [0] strides [1]
  func.return
}
// CHECK: 1 offsets and 1 strides for (1, 4) to (4,)

// -----

func.func @outside(%x: memref<1x4xi8>, %y: memref<1x3xi8>) {
  tinyml.slice ins(%x : memref<1x4xi8>) outs(%y : memref<1x3xi8>) offsets [0, 0] strides [1, 2]
  func.return
}
// CHECK: 3 elements from 0 by 2 are not all in [0, 3]

// -----

func.func @still(%x: memref<1x4xi8>, %y: memref<1x3xi8>) {
  tinyml.slice ins(%x : memref<1x4xi8>) outs(%y : memref<1x3xi8>) offsets [0, 0] strides [1, 0]
  func.return
}
// CHECK: 3 elements from 0 by 0 are not all in [0, 3]

// -----

func.func @channels(%x: memref<1x4x4x8xi8>, %y: memref<1x8x8x4xi8>) {
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x8x8x4xi8>)
  func.return
}
// CHECK: batch and channels of (1, 4, 4, 8) and (1, 8, 8, 4) are not the same

// -----

func.func @modes(%x: memref<1x4x4x8xi8>, %y: memref<1x8x8x8xi8>) {
  tinyml.resize_bilinear ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x8x8x8xi8>) align_corners half_pixel
  func.return
}
// CHECK: align_corners and half_pixel exclude each other

// -----

func.func @places(%x: memref<1x4x4x8xi8>, %y: memref<1x3x2x8xi8>) {
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>) rows [0, 1, 3] columns [1, 4]
  func.return
}
// CHECK: columns has 4, not in [0, 3]

// -----

func.func @places(%x: memref<1x4x4x8xi8>, %y: memref<1x3x2x8xi8>) {
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>) rows [0, 1] columns [1, 3]
  func.return
}
// CHECK: 2 rows for 3 of the output

// -----

func.func @places(%x: memref<1x4x4x8xi8>, %y: memref<1x3x2x8xi8>) {
  tinyml.resize_nearest ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x3x2x8xi8>) half_pixel rows [0, 1, 3] columns [1, 3]
  func.return
}
// CHECK: rows and columns leave no choice of a mode

// -----

func.func @places(%x: memref<1x4x4x8xi8>, %y: memref<1x3x2x8xi8>) {
  "tinyml.resize_nearest"(%x, %y) <{rows = array<i64: 0, 1, 3>}> : (memref<1x4x4x8xi8>, memref<1x3x2x8xi8>) -> ()
  func.return
}
// CHECK: rows and columns come together
