// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @reshape(%x: memref<1x1x1x10xi8>, %y: memref<1x10xi8>, %u: memref<4xui8>, %v: memref<2x2xui8>, %f: memref<1xf32>, %g: memref<f32>) {
  tinyml.reshape ins(%x : memref<1x1x1x10xi8>) outs(%y : memref<1x10xi8>)
  // CHECK: tinyml.reshape ins(%x : memref<1x1x1x10xi8>) outs(%y : memref<1x10xi8>)
  // CHECK-GENERIC: "tinyml.reshape"(%x, %y) : (memref<1x1x1x10xi8>, memref<1x10xi8>) -> ()

  tinyml.reshape ins(%u : memref<4xui8>) outs(%v : memref<2x2xui8>) {note = 1 : i64}
  // CHECK: tinyml.reshape ins(%u : memref<4xui8>) outs(%v : memref<2x2xui8>) {note = 1 : i64}

  tinyml.reshape ins(%f : memref<1xf32>) outs(%g : memref<f32>)
  // CHECK: tinyml.reshape ins(%f : memref<1xf32>) outs(%g : memref<f32>)

  func.return
}
