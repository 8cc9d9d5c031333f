// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

// The rules that all layers share.

func.func @main(%x: memref<?xi8>, %y: memref<4xi8>) {
  tinyml.reshape ins(%x : memref<?xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: memref<?xi8> is not a non-empty static shape

// -----

func.func @main(%x: memref<4xi8>, %y: memref<?xi8>) {
  tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<?xi8>)
  func.return
}
// CHECK: memref<?xi8> is not a non-empty static shape

// -----

func.func @main(%x: memref<4x0xi8>, %y: memref<0xi8>) {
  tinyml.reshape ins(%x : memref<4x0xi8>) outs(%y : memref<0xi8>)
  func.return
}
// CHECK: memref<4x0xi8> is not a non-empty static shape

// -----

// Offsets and strides would be of no use to whoever lays out the arena.
func.func @main(%x: memref<4xi8, strided<[2], offset: 0>>, %y: memref<4xi8>) {
  tinyml.reshape ins(%x : memref<4xi8, strided<[2], offset: 0>>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: memref<4xi8, strided<[2]>> is not densely packed

// -----

func.func @main(%x: memref<2x2xi8, affine_map<(i, j) -> (j, i)>>, %y: memref<4xi8>) {
  tinyml.reshape ins(%x : memref<2x2xi8, affine_map<(i, j) -> (j, i)>>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: is not densely packed

// -----

// Elements that no frontend makes and the C printer does not spell.
func.func @main(%x: memref<4xi1>, %y: memref<4xi1>) {
  tinyml.reshape ins(%x : memref<4xi1>) outs(%y : memref<4xi1>)
  func.return
}
// CHECK: memref<4xi1> does not hold one of i8, ui8, i16, i32, f32

// -----

func.func @main(%x: memref<4xi8>) {
  tinyml.reshape ins(%x : memref<4xi8>) outs(%x : memref<4xi8>)
  func.return
}
// CHECK: the output is also an input; buffers share bytes only by their place in the arena

// -----

// Either input.
func.func @main(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%x, %y : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1, 0> zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: the output is also an input

// -----

// One zero point for each buffer.
func.func @main(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.requantize ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1073741824, 1> zero_points [0] rounding double
  func.return
}
// CHECK: 1 zero points for 2 buffers (inputs, output)

// -----

func.func @main(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.requantize ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1073741824, 1> zero_points [128, 0] rounding double
  func.return
}
// CHECK: zero point 128 is not in [-128, 127]

// -----

// The range is that of the buffer.
func.func @main(%x: memref<4xi8>, %y: memref<4xui8>) {
  tinyml.requantize ins(%x : memref<4xi8>) outs(%y : memref<4xui8>)
    requant <1073741824, 1> zero_points [0, -1] rounding double
  func.return
}
// CHECK: zero point -1 is not in [0, 255]

// -----

func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x1x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x1x1xi8>)
    window <[1, 1]> clamp [0]
  func.return
}
// CHECK: clamp [0] is not [low, high]

// -----

func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x1x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x1x1xi8>)
    window <[1, 1]> clamp [1, 0]
  func.return
}
// CHECK: clamp [1, 0] is not [low, high]

// -----

func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x1x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x1x1xi8>)
    window <[1, 1]> clamp [-129, 0]
  func.return
}
// CHECK: clamp -129 is not in [-128, 127]

// -----

func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x1x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x1x1xi8>)
    window <[1, 1]> clamp [0, 128]
  func.return
}
// CHECK: clamp 128 is not in [-128, 127]

// -----

func.func @main(%x: memref<4xi8>) {
  %v = memref.reinterpret_cast %x to offset: [0], sizes: [2, 2], strides: [2, 1] : memref<4xi8> to memref<2x2xi8>
  tinyml.reshape ins(%x : memref<4xi8>) outs(%v : memref<2x2xi8>)
  func.return
}
// CHECK: the output is also an input
