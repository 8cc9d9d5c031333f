// RUN: tinyml-opt %s -p tinyml-quantized-io --split-input-file | filecheck %s

// A float input and output become the int8 tensors behind them, whose quantization they
// now have.
func.func @main(%x: memref<1x8xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8xf32> {tinyml.output = #tinyml.tensor<"y">}) {
  %q = tinyml.alloc : memref<1x8xi8>
  %r = tinyml.alloc : memref<1x8xi8>
  tinyml.quantize ins(%x : memref<1x8xf32>) outs(%q : memref<1x8xi8>) scale 5.000000e-01 zero_points [-1] rounding away
  tinyml.reshape ins(%q : memref<1x8xi8>) outs(%r : memref<1x8xi8>)
  tinyml.dequantize ins(%r : memref<1x8xi8>) outs(%y : memref<1x8xf32>) scale 2.500000e-01 zero_points [1]
  func.return
}
// CHECK:      func.func @main(%{{.*}}: memref<1x8xi8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : -1>},
// CHECK-SAME:   %{{.*}}: memref<1x8xi8> {tinyml.output = #tinyml.tensor<"y", 2.500000e-01 : 1>}) {
// CHECK-NEXT: tinyml.reshape ins([[X:%.*]] : memref<1x8xi8>) outs([[Y:%.*]] : memref<1x8xi8>)
// CHECK-NEXT: func.return

// -----

// Again and again: behind the float tensor, its transposition, and a change of sign. With
// the factor one half the scale beyond is twice, or half, of that before.
func.func @main(%x: memref<1x3x2x2xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x3xui8> {tinyml.output = #tinyml.tensor<"y", 5.000000e-01 : 0>}) {
  %t = tinyml.alloc : memref<1x2x2x3xf32>
  %q = tinyml.alloc : memref<1x2x2x3xui8>
  %s = tinyml.alloc : memref<1x2x2x3xi8>
  %r = tinyml.alloc : memref<1x2x2x3xi8>
  tinyml.transpose ins(%x : memref<1x3x2x2xf32>) outs(%t : memref<1x2x2x3xf32>) permutation [0, 2, 3, 1]
  tinyml.quantize ins(%t : memref<1x2x2x3xf32>) outs(%q : memref<1x2x2x3xui8>) scale 5.000000e-01 zero_points [128] rounding even
  tinyml.requantize ins(%q : memref<1x2x2x3xui8>) outs(%s : memref<1x2x2x3xi8>) requant <1073741824, 0> zero_points [128, 3] rounding even
  tinyml.max_pool2d ins(%s : memref<1x2x2x3xi8>) outs(%r : memref<1x2x2x3xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.requantize ins(%r : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x3xui8>) requant <1073741824, 0> zero_points [-7, 0] rounding even
  func.return
}
// CHECK:      func.func @main(%{{.*}}: memref<1x2x2x3xi8> {tinyml.input = #tinyml.tensor<"x", 1.000000e+00 : 3>},
// CHECK-SAME:   %{{.*}}: memref<1x2x2x3xi8> {tinyml.output = #tinyml.tensor<"y", 2.500000e-01 : -7>}) {
// CHECK-NEXT: tinyml.max_pool2d
// CHECK-NEXT: func.return

// -----

// A transposition alone keeps the quantization; a dequantized input stays bytes.
func.func @main(%x: memref<2x3xi8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : 4>}, %u: memref<6xi8> {tinyml.input = #tinyml.tensor<"u", 1.000000e+00 : 0>}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<6xf32> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<3x2xi8>
  %b = tinyml.alloc : memref<6xf32>
  tinyml.transpose ins(%x : memref<2x3xi8>) outs(%a : memref<3x2xi8>) permutation [1, 0]
  tinyml.reshape ins(%a : memref<3x2xi8>) outs(%y : memref<6xi8>)
  tinyml.dequantize ins(%u : memref<6xi8>) outs(%b : memref<6xf32>) scale 1.000000e+00 zero_points [0]
  tinyml.reshape ins(%b : memref<6xf32>) outs(%z : memref<6xf32>)
  func.return
}
// CHECK:      func.func @main(%{{.*}}: memref<3x2xi8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : 4>}, %u: memref<6xi8> {tinyml.input = #tinyml.tensor<"u", 1.000000e+00 : 0>}
// CHECK:      tinyml.reshape
// CHECK-NEXT: tinyml.dequantize ins(%u
// CHECK-NEXT: tinyml.reshape
// CHECK-NEXT: func.return

// -----

// Views between the ends and their layers go; those of what becomes an end stay.
func.func @main(%x: memref<8xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xf32> {tinyml.output = #tinyml.tensor<"y">}) {
  %x2 = memref.reinterpret_cast %x to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<8xf32> to memref<2x4xf32>
  %y2 = memref.reinterpret_cast %y to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<8xf32> to memref<2x4xf32>
  %a = tinyml.alloc : memref<8xi8>
  %a2 = memref.reinterpret_cast %a to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<8xi8> to memref<2x4xi8>
  %b = tinyml.alloc : memref<8xi8>
  %b2 = memref.reinterpret_cast %b to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<8xi8> to memref<2x4xi8>
  tinyml.quantize ins(%x2 : memref<2x4xf32>) outs(%a2 : memref<2x4xi8>) scale 5.000000e-01 zero_points [-1] rounding away
  tinyml.maximum ins(%a, %a : memref<8xi8>, memref<8xi8>) outs(%b : memref<8xi8>)
  tinyml.dequantize ins(%b2 : memref<2x4xi8>) outs(%y2 : memref<2x4xf32>) scale 2.500000e-01 zero_points [1]
  func.return
}
// CHECK:      func.func @main([[X:%.*]]: memref<2x4xi8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : -1>}, [[Y:%.*]]: memref<2x4xi8> {tinyml.output =
// CHECK-NEXT: [[A:%.*]] = memref.reinterpret_cast [[X]] to offset: [0], sizes: [8]
// CHECK-NEXT: [[B:%.*]] = memref.reinterpret_cast [[Y]] to offset: [0], sizes: [8]
// CHECK-NEXT: tinyml.maximum ins([[A]], [[A]] : memref<8xi8>, memref<8xi8>) outs([[B]] : memref<8xi8>)
// CHECK-NEXT: func.return
