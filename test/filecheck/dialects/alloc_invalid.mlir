// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main() {
  %b = tinyml.alloc at -4 : memref<4xi8>
  func.return
}
// CHECK: offset -4 is negative

// -----

// A buffer holds one tensor all its life.
func.func @main(%x: memref<4xi8>) {
  %b = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%x : memref<4xi8>) outs(%b : memref<4xi8>)
  tinyml.reshape ins(%x : memref<4xi8>) outs(%b : memref<4xi8>)
  func.return
}
// CHECK: the buffer has 2 writers, expected 1

// -----

// What has no size, or none that planning knows, has no place in the arena.
func.func @main() {
  %b = tinyml.alloc : memref<?xi8>
  func.return
}
// CHECK: memref<?xi8> is not a non-empty static shape

// -----

func.func @main() {
  %b = tinyml.alloc : memref<4xindex>
  func.return
}
// CHECK: memref<4xindex> does not hold one of i8, ui8, i16, i32, f32

// -----

// Views are the buffer.
func.func @main(%x: memref<4xi8>) {
  %b = tinyml.alloc : memref<4xi8>
  %v = memref.reinterpret_cast %b to offset: [0], sizes: [2, 2], strides: [2, 1] : memref<4xi8> to memref<2x2xi8>
  tinyml.reshape ins(%x : memref<4xi8>) outs(%b : memref<4xi8>)
  tinyml.reshape ins(%x : memref<4xi8>) outs(%v : memref<2x2xi8>)
  func.return
}
// CHECK: the buffer has 2 writers, expected 1

// -----

func.func @main() {
  %b = tinyml.alloc : memref<1048576x1048576xi8>
  func.return
}
// CHECK: memref<1048576x1048576xi8> has 1099511627776 bytes, at most 2147483647 are supported
