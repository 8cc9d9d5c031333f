// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @transpose(%x: memref<1x3x4x8xi8>, %y: memref<1x8x3x4xi8>, %u: memref<2x3xui8>, %v: memref<3x2xui8>, %f: memref<2xf32>, %g: memref<2xf32>) {
  // NHWC to NCHW.
  tinyml.transpose ins(%x : memref<1x3x4x8xi8>) outs(%y : memref<1x8x3x4xi8>)
    permutation [0, 3, 1, 2]
  // CHECK: tinyml.transpose ins(%x : memref<1x3x4x8xi8>) outs(%y : memref<1x8x3x4xi8>) permutation [0, 3, 1, 2]
  // CHECK-GENERIC: "tinyml.transpose"(%x, %y) <{permutation = array<i64: 0, 3, 1, 2>}> : (memref<1x3x4x8xi8>, memref<1x8x3x4xi8>) -> ()

  tinyml.transpose ins(%u : memref<2x3xui8>) outs(%v : memref<3x2xui8>) permutation [1, 0]
  // CHECK: tinyml.transpose ins(%u : memref<2x3xui8>) outs(%v : memref<3x2xui8>) permutation [1, 0]

  tinyml.transpose ins(%f : memref<2xf32>) outs(%g : memref<2xf32>) permutation [0]
  // CHECK: tinyml.transpose ins(%f : memref<2xf32>) outs(%g : memref<2xf32>) permutation [0]

  func.return
}
