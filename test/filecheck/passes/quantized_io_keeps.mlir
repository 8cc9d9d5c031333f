// RUN: tinyml-opt %s -p tinyml-quantized-io --split-input-file | filecheck %s

// What tinyml-quantized-io leaves alone.

// Two layers read the input. Someone else reads what the output is made of, which is no
// reason: an output may be read.
func.func @main(%x: memref<8xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xf32> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<8xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<8xi8>
  %b = tinyml.alloc : memref<8xi8>
  %c = tinyml.alloc : memref<8xi8>
  tinyml.quantize ins(%x : memref<8xf32>) outs(%a : memref<8xi8>) scale 5.000000e-01 zero_points [0] rounding away
  tinyml.quantize ins(%x : memref<8xf32>) outs(%b : memref<8xi8>) scale 2.500000e-01 zero_points [0] rounding away
  tinyml.mul ins(%a, %b : memref<8xi8>, memref<8xi8>) outs(%c : memref<8xi8>)
    requant <1, 0> zero_points [0, 0, 0] clamp [-128, 127] rounding double
  tinyml.dequantize ins(%c : memref<8xi8>) outs(%y : memref<8xf32>) scale 1.000000e+00 zero_points [0]
  tinyml.reshape ins(%c : memref<8xi8>) outs(%z : memref<8xi8>)
  func.return
}
// CHECK:      func.func @main(%x: memref<8xf32> {tinyml.input = #tinyml.tensor<"x">}, [[Y:%.*]]: memref<8xi8> {tinyml.output = #tinyml.tensor<"y", 1.000000e+00 : 0>}
// CHECK:      tinyml.quantize ins(%x
// CHECK-NEXT: tinyml.quantize ins(%x
// CHECK-NEXT: tinyml.mul
// CHECK-NEXT: tinyml.reshape ins([[Y]]

// -----

// Nothing lies between input and output.
func.func @main(%x: memref<8xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y", 5.000000e-01 : 0>}) {
  tinyml.quantize ins(%x : memref<8xf32>) outs(%y : memref<8xi8>) scale 5.000000e-01 zero_points [0] rounding away
  func.return
}
// CHECK:      func.func @main(%x: memref<8xf32>
// CHECK-NEXT: tinyml.quantize

// -----

// The outermost layer computes.
func.func @main(%x: memref<8xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<8xi8>
  tinyml.reshape ins(%x : memref<8xi8>) outs(%a : memref<8xi8>)
  tinyml.reshape ins(%a : memref<8xi8>) outs(%y : memref<8xi8>)
  func.return
}
// CHECK:      func.func @main(%x: memref<8xi8>
// CHECK-NEXT: tinyml.alloc
// CHECK-NEXT: tinyml.reshape
// CHECK-NEXT: tinyml.reshape
