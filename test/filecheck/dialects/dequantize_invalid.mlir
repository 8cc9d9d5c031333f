// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<8xi8>, %y: memref<4xf32>) {
  tinyml.dequantize ins(%x : memref<8xi8>) outs(%y : memref<4xf32>)
    scale 0.5 zero_points [0]
  func.return
}
// CHECK: shapes (8,) and (4,) differ

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xf32>) {
  tinyml.dequantize ins(%x : memref<8xi8>) outs(%y : memref<8xf32>)
    scale 0.0 zero_points [0]
  func.return
}
// CHECK: scale 0.0 is not a positive number

// -----

func.func @main(%x: memref<8xi32>, %y: memref<8xf32>) {
  tinyml.dequantize ins(%x : memref<8xi32>) outs(%y : memref<8xf32>)
    scale 0.5 zero_points [0]
  func.return
}
// CHECK: elements are i32, expected i8 or ui8

// -----

func.func @main(%x: memref<8xi8>, %y: memref<8xf32>) {
  tinyml.dequantize ins(%x : memref<8xi8>) outs(%y : memref<8xf32>)
    scale 0.5 zero_points [128]
  func.return
}
// CHECK: zero point 128 is not in [-128, 127]
