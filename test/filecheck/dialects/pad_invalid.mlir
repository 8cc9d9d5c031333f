// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<2xi8>, %y: memref<3xui8>) {
  tinyml.pad ins(%x : memref<2xi8>) outs(%y : memref<3xui8>) low [0] high [1] value 0
  func.return
}
// CHECK: element types i8 and ui8 differ

// -----

func.func @main(%x: memref<2x2xi8>, %y: memref<2x3xi8>) {
  tinyml.pad ins(%x : memref<2x2xi8>) outs(%y : memref<2x3xi8>) low [0] high [0, 1] value 0
  func.return
}
// CHECK: 1 low and 2 high pads for 2 dimensions

// -----

func.func @main(%x: memref<2x2xi8>, %y: memref<2x3xi8>) {
  tinyml.pad ins(%x : memref<2x2xi8>) outs(%y : memref<2x3xi8>) low [0, 0] high [0, 1, 0] value 0
  func.return
}
// CHECK: 2 low and 3 high pads for 2 dimensions

// -----

// A crop is another layer.
func.func @main(%x: memref<2xi8>, %y: memref<2xi8>) {
  tinyml.pad ins(%x : memref<2xi8>) outs(%y : memref<2xi8>) low [1] high [-1] value 0
  func.return
}
// CHECK: a pad is negative

// -----

func.func @main(%x: memref<2x2xi8>, %y: memref<3x3xi8>) {
  tinyml.pad ins(%x : memref<2x2xi8>) outs(%y : memref<3x3xi8>) low [0, 1] high [0, 0] value 0
  func.return
}
// CHECK: padded shape is (2, 3), output is (3, 3)

// -----

func.func @main(%x: memref<2xf32>, %y: memref<3xf32>) {
  tinyml.pad ins(%x : memref<2xf32>) outs(%y : memref<3xf32>) low [0] high [1] value 0
  func.return
}
// CHECK: cannot pad elements of type f32

// -----

func.func @main(%x: memref<2xi8>, %y: memref<3xi8>) {
  tinyml.pad ins(%x : memref<2xi8>) outs(%y : memref<3xi8>) low [0] high [1] value 128
  func.return
}
// CHECK: value 128 is not in [-128, 127]

// -----

func.func @main(%x: memref<2xui8>, %y: memref<3xui8>) {
  tinyml.pad ins(%x : memref<2xui8>) outs(%y : memref<3xui8>) low [0] high [1] value -1
  func.return
}
// CHECK: value -1 is not in [0, 255]
