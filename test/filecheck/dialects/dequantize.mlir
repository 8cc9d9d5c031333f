// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @dequantize(%x: memref<1x8xi8>, %u: memref<1x8xui8>, %y: memref<1x8xf32>) {
  tinyml.dequantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xf32>)
    scale 5.000000e-01 zero_points [-1]
  // CHECK: tinyml.dequantize ins(%x : memref<1x8xi8>) outs(%y : memref<1x8xf32>) scale 5.000000e-01 zero_points [-1]
  // CHECK-GENERIC: "tinyml.dequantize"(%x, %y) <{scale = 5.000000e-01 : f32, zero_points = array<i64: -1>}> : (memref<1x8xi8>, memref<1x8xf32>) -> ()

  tinyml.dequantize ins(%u : memref<1x8xui8>) outs(%y : memref<1x8xf32>)
    scale 1.000000e-10 zero_points [255]
  // CHECK: tinyml.dequantize ins(%u : memref<1x8xui8>) outs(%y : memref<1x8xf32>) scale 1.000000e-10 zero_points [255]

  func.return
}
