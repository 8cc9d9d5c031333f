// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @quantize(%x: memref<1x8xf32>, %y: memref<1x8xi8>, %u: memref<1x8xui8>) {
  // TFLite's rounding.
  tinyml.quantize ins(%x : memref<1x8xf32>) outs(%y : memref<1x8xi8>)
    scale 5.000000e-01 zero_points [-1] rounding away
  // CHECK: tinyml.quantize ins(%x : memref<1x8xf32>) outs(%y : memref<1x8xi8>) scale 5.000000e-01 zero_points [-1] rounding away
  // CHECK-GENERIC: "tinyml.quantize"(%x, %y) <{scale = 5.000000e-01 : f32, zero_points = array<i64: -1>, rounding = #tinyml<rounding away>}> : (memref<1x8xf32>, memref<1x8xi8>) -> ()

  // ONNX's rounding, to unsigned bytes. The scale is kept to its last bit.
  tinyml.quantize ins(%x : memref<1x8xf32>) outs(%u : memref<1x8xui8>)
    scale 0.0039215687662363052 zero_points [255] rounding even
  // CHECK: tinyml.quantize ins(%x : memref<1x8xf32>) outs(%u : memref<1x8xui8>) scale 0.00392156886 zero_points [255] rounding even
  // CHECK-GENERIC: "tinyml.quantize"(%x, %u) <{scale = 0.00392156886 : f32, zero_points = array<i64: 255>, rounding = #tinyml<rounding even>}> : (memref<1x8xf32>, memref<1x8xui8>) -> ()

  func.return
}
