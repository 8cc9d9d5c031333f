// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @pad(%x: memref<1x8x8x3xi8>, %y: memref<1x10x9x3xi8>, %u: memref<4xui8>, %v: memref<6xui8>, %w: memref<2x2xi32>, %z: memref<2x4xi32>) {
  tinyml.pad ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x10x9x3xi8>)
    low [0, 1, 1, 0] high [0, 1, 0, 0] value -128
  // CHECK: tinyml.pad ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x10x9x3xi8>) low [0, 1, 1, 0] high [0, 1, 0, 0] value -128
  // CHECK-GENERIC: "tinyml.pad"(%x, %y) <{low = array<i64: 0, 1, 1, 0>, high = array<i64: 0, 1, 0, 0>, value = -128 : i64}> : (memref<1x8x8x3xi8>, memref<1x10x9x3xi8>) -> ()

  // Any rank, any integers; a value of unsigned bytes counts to 255.
  tinyml.pad ins(%u : memref<4xui8>) outs(%v : memref<6xui8>) low [2] high [0] value 255
  // CHECK: tinyml.pad ins(%u : memref<4xui8>) outs(%v : memref<6xui8>) low [2] high [0] value 255

  tinyml.pad ins(%w : memref<2x2xi32>) outs(%z : memref<2x4xi32>) low [0, 1] high [0, 1] value -2147483648
  // CHECK: tinyml.pad ins(%w : memref<2x2xi32>) outs(%z : memref<2x4xi32>) low [0, 1] high [0, 1] value -2147483648

  func.return
}
