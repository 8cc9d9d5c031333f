// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<1x8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<1x8xf32>) outs(%y : memref<8xi8>)
    scale 0.5 zero_points [0] rounding away
  func.return
}
// CHECK: shapes (1, 8) and (8,) differ

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>)
    scale 0.0 zero_points [0] rounding away
  func.return
}
// CHECK: scale 0.0 is not a positive number

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>)
    scale -1.0 zero_points [0] rounding away
  func.return
}
// CHECK: scale -1.0 is not a positive number

// -----

// Infinity, which only the generic form spells.
func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  "tinyml.quantize"(%x, %y) <{scale = 0x7F800000 : f32, zero_points = array<i64: 0>,
    rounding = #tinyml<rounding away>}> : (memref<8xf32>, memref<8xi8>) -> ()
  func.return
}
// CHECK: scale inf is not a positive number

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xi16>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi16>)
    scale 0.5 zero_points [0] rounding away
  func.return
}
// CHECK: elements are i16, expected i8 or ui8

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>)
    scale 0.5 zero_points [0, 0] rounding away
  func.return
}
// CHECK: 2 zero points for 1 buffers (inputs, output)

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xui8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xui8>)
    scale 0.5 zero_points [256] rounding away
  func.return
}
// CHECK: zero point 256 is not in [0, 255]

// -----

// There is no fixed-point product to round.
func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>)
    scale 0.5 zero_points [0] rounding double
  func.return
}
// CHECK: rounding double is not defined for floats, expected away or even

// -----

func.func @main(%x: memref<8xf32>, %y: memref<8xi8>) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>)
    scale 0.5 zero_points [0] rounding single
  func.return
}
// CHECK: rounding single is not defined for floats, expected away or even
