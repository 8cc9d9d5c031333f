// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<4x4x1xi8>, %y: memref<4x4x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<4x4x1xi8>) outs(%y : memref<4x4x1xi8>)
    window <[1, 1]> clamp [-128, 127]
  func.return
}
// CHECK: memref<4x4x1xi8> does not have 4 dimensions

// -----

func.func @main(%x: memref<1x4x4x1xi8>, %y: memref<1x4x4x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x4x4x1xi8>) outs(%y : memref<1x4x4x1xi8>)
    window <[2, 2]> clamp [-128, 127]
  func.return
}
// CHECK: window makes 3x3 of 4x4, output is 4x4

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x6xi8>) {
  tinyml.avg_pool2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x6xi8>)
    window <[1, 1]> clamp [-128, 127]
  func.return
}
// CHECK: 3 channels become 6

// -----

// One row with 4 rows of padding above: taps at -4 and 1 both miss it. The mean of
// nothing is no number.
func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x1x1xi8>) {
  tinyml.avg_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x1x1xi8>)
    window <[2, 1], dilations = [5, 1], pad = [4, 1, 0, 0]> clamp [-128, 127]
  func.return
}
// CHECK: the window of output 0 holds nothing but padding

// -----

func.func @main(%x: memref<1x1x1x1xi8>, %y: memref<1x1x2x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x1x1x1xi8>) outs(%y : memref<1x1x2x1xi8>)
    window <[1, 2], dilations = [1, 3], pad = [0, 0, 2, 2]> clamp [-128, 127]
  func.return
}
// CHECK: the window of output 0 holds nothing but padding

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x3xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x3xi8>)
    window <[1, 1]> clamp [5, -5]
  func.return
}
// CHECK: clamp [5, -5] is not [low, high]
