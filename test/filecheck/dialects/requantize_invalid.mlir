// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<8xi8>, %y: memref<4xi8>) {
  tinyml.requantize ins(%x : memref<8xi8>) outs(%y : memref<4xi8>)
    requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}
// CHECK: shapes (8,) and (4,) differ

// -----

func.func @main(%x: memref<8xi32>, %y: memref<8xi8>) {
  tinyml.requantize ins(%x : memref<8xi32>) outs(%y : memref<8xi8>)
    requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}
// CHECK: elements are i32, expected i8 or ui8

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi16>) {
  tinyml.requantize ins(%x : memref<8xi8>) outs(%y : memref<8xi16>)
    requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}
// CHECK: elements are i16, expected i8 or ui8

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  tinyml.requantize ins(%x : memref<8xi8>) outs(%y : memref<8xi8>)
    requant <1073741824, 1> zero_points [0] rounding double
  func.return
}
// CHECK: 1 zero points for 2 buffers (inputs, output)

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xi8>) {
  tinyml.requantize ins(%x : memref<8xi8>) outs(%y : memref<8xi8>)
    requant <1073741824, 1> zero_points [0, 0] rounding away
  func.return
}
// CHECK: rounding away is not defined for integers
