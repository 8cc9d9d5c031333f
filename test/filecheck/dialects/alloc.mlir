// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @alloc() {
  // Not planned yet.
  %a = tinyml.alloc : memref<1x32x32x16xi8>
  // CHECK: %a = tinyml.alloc : memref<1x32x32x16xi8>
  // CHECK-GENERIC: %a = "tinyml.alloc"() : () -> memref<1x32x32x16xi8>

  // Planned; the first byte of the arena is an offset like any other.
  %b = tinyml.alloc at 0 : memref<10xi8>
  // CHECK: %b = tinyml.alloc at 0 : memref<10xi8>

  %c = tinyml.alloc at 560 : memref<10xui8>
  // CHECK: %c = tinyml.alloc at 560 : memref<10xui8>
  // CHECK-GENERIC: %c = "tinyml.alloc"() <{at = 560 : i64}> : () -> memref<10xui8>

  // What passes know of a buffer stays.
  %d = tinyml.alloc at 8 {tinyml.live = array<i64: 0, 1>} : memref<4xf32>
  // CHECK: %d = tinyml.alloc at 8 {tinyml.live = array<i64: 0, 1>} : memref<4xf32>

  // Every element that a buffer may have, and a buffer of no dimensions.
  %e = tinyml.alloc : memref<2xi16>
  // CHECK: %e = tinyml.alloc : memref<2xi16>

  %f = tinyml.alloc : memref<i32>
  // CHECK: %f = tinyml.alloc : memref<i32>

  func.return
}
