// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @pools(%x: memref<1x8x8x4xi8>, %y: memref<1x4x4x4xi8>, %z: memref<1x8x8x4xi8>, %v: memref<2x3x3x1xi8>, %w: memref<2x3x3x1xi8>) {
  tinyml.avg_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  // CHECK: tinyml.avg_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  // CHECK-GENERIC: "tinyml.avg_pool2d"(%x, %y) <{window = #tinyml.window<[2, 2], strides = [2, 2]>, clamp = array<i64: -128, 127>}> : (memref<1x8x8x4xi8>, memref<1x4x4x4xi8>) -> ()

  // Padding takes no part in a pool, as long as each window sees some of the input.
  tinyml.avg_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%z : memref<1x8x8x4xi8>)
    window <[3, 3], pad = [1, 1, 1, 1]> clamp [0, 127]
  // CHECK: tinyml.avg_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%z : memref<1x8x8x4xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [0, 127]

  tinyml.max_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  // CHECK: tinyml.max_pool2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x4x4x4xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  // CHECK-GENERIC: "tinyml.max_pool2d"(%x, %y) <{window = #tinyml.window<[2, 2], strides = [2, 2]>, clamp = array<i64: -128, 127>}> : (memref<1x8x8x4xi8>, memref<1x4x4x4xi8>) -> ()

  // A window of one element, dilated over the border on both sides; two images.
  tinyml.max_pool2d ins(%v : memref<2x3x3x1xi8>) outs(%w : memref<2x3x3x1xi8>)
    window <[3, 3], dilations = [3, 3], pad = [3, 3, 3, 3]> clamp [-128, 0]
  // CHECK: tinyml.max_pool2d ins(%v : memref<2x3x3x1xi8>) outs(%w : memref<2x3x3x1xi8>) window <[3, 3], dilations = [3, 3], pad = [3, 3, 3, 3]> clamp [-128, 0]

  func.return
}
