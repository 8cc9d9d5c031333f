// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<2x3xi8>, %y: memref<3x2xui8>) {
  tinyml.transpose ins(%x : memref<2x3xi8>) outs(%y : memref<3x2xui8>) permutation [1, 0]
  func.return
}
// CHECK: element types i8 and ui8 differ

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3x2xi8>) {
  tinyml.transpose ins(%x : memref<2x3xi8>) outs(%y : memref<3x2xi8>) permutation [1, 1]
  func.return
}
// CHECK: [1, 1] does not permute 2 dimensions

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3x2xi8>) {
  tinyml.transpose ins(%x : memref<2x3xi8>) outs(%y : memref<3x2xi8>) permutation [1]
  func.return
}
// CHECK: [1] does not permute 2 dimensions

// -----

func.func @main(%x: memref<2x3xi8>, %y: memref<3x2xi8>) {
  tinyml.transpose ins(%x : memref<2x3xi8>) outs(%y : memref<3x2xi8>) permutation [-1, 0]
  func.return
}
// CHECK: [-1, 0] does not permute 2 dimensions

// -----

// Dimension 0 of the output is dimension 2 of the input.
func.func @main(%x: memref<2x3x4xi8>, %y: memref<3x4x2xi8>) {
  tinyml.transpose ins(%x : memref<2x3x4xi8>) outs(%y : memref<3x4x2xi8>) permutation [2, 0, 1]
  func.return
}
// CHECK: permuted shape is (4, 2, 3), output is (3, 4, 2)
