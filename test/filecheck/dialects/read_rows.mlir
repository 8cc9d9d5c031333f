// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @read_rows(%x: memref<1x8x8x3xi8>, %y: memref<1x8x8x3xui8>) {
  // The same pixels may be asked for again.
  tinyml.read_rows outs(%x : memref<1x8x8x3xi8>) input 0 tensor <"image", 5.000000e-01 : -1>
  // CHECK: tinyml.read_rows outs(%x : memref<1x8x8x3xi8>) input 0 tensor <"image", 5.000000e-01 : -1>
  // CHECK-GENERIC: "tinyml.read_rows"(%x) <{input = 0 : i64, tensor = #tinyml.tensor<"image", 5.000000e-01 : -1>}> : (memref<1x8x8x3xi8>) -> ()

  // Each row comes once.
  tinyml.read_rows outs(%y : memref<1x8x8x3xui8>) input 1 tensor <"raw"> once
  // CHECK: tinyml.read_rows outs(%y : memref<1x8x8x3xui8>) input 1 tensor <"raw"> once
  // CHECK-GENERIC: "tinyml.read_rows"(%y) <{input = 1 : i64, tensor = #tinyml.tensor<"raw">, once}> : (memref<1x8x8x3xui8>) -> ()

  func.return
}

// A stage that has no other input.
func.func @stage(%y: memref<1x8x8x3xi8>) {
  tinyml.stage ins(:) outs(%y : memref<1x8x8x3xi8>) grid [1, 1] halo cache, recompute {
  ^bb0(%a: memref<1x8x8x3xi8>):
    tinyml.read_rows outs(%a : memref<1x8x8x3xi8>) input 0 tensor <"x">
  }
  // CHECK: tinyml.stage ins(:) outs(%y : memref<1x8x8x3xi8>) grid [1, 1] halo cache, recompute {
  // CHECK-NEXT: ^bb0(%a: memref<1x8x8x3xi8>):
  // CHECK-NEXT: tinyml.read_rows outs(%a : memref<1x8x8x3xi8>) input 0 tensor <"x">
  func.return
}
