// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<4xi8>, %y: memref<4xui8>) {
  tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xui8>)
  func.return
}
// CHECK: element types i8 and ui8 differ

// -----

func.func @main(%x: memref<1x5xi8>, %y: memref<2x2xi8>) {
  tinyml.reshape ins(%x : memref<1x5xi8>) outs(%y : memref<2x2xi8>)
  func.return
}
// CHECK: (1, 5) and (2, 2) differ in size
