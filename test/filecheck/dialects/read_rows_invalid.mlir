// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<8x8x3xi8>) {
  tinyml.read_rows outs(%x : memref<8x8x3xi8>) input 0 tensor <"x">
  func.return
}
// CHECK: memref<8x8x3xi8> is not one image

// -----

func.func @main(%x: memref<2x8x8x3xi8>) {
  tinyml.read_rows outs(%x : memref<2x8x8x3xi8>) input 0 tensor <"x">
  func.return
}
// CHECK: memref<2x8x8x3xi8> is not one image

// -----

func.func @main(%x: memref<1x8x8x3xi16>) {
  tinyml.read_rows outs(%x : memref<1x8x8x3xi16>) input 0 tensor <"x">
  func.return
}
// CHECK: elements are i16, expected i8 or ui8

// -----

func.func @main(%x: memref<1x8x8x3xi8>) {
  tinyml.read_rows outs(%x : memref<1x8x8x3xi8>) input -1 tensor <"x">
  func.return
}
// CHECK: input -1 is negative
