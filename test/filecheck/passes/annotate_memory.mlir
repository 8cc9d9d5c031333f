// RUN: tinyml-opt %s -p tinyml-annotate-memory --split-input-file | filecheck %s

// %a lives from its writer to its last reader, 0 to 2; %b from 1 to 2. The input is there
// from the start, and, its last reader being layer 1, until then; the output from its
// writer to the end. The peak is the first layer of the most bytes.
func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4xi8>
  %b = tinyml.alloc : memref<1x4xi8>
  %c = tinyml.alloc : memref<2xi8>
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%a : memref<1x4xi8>)
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%b : memref<1x4xi8>)
  tinyml.mul ins(%a, %b : memref<1x4xi8>, memref<1x4xi8>) outs(%y : memref<1x4xi8>)
    requant <1, 0> zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK:      func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}
// CHECK-SAME:   attributes {tinyml.peak_bytes = 12 : i64, tinyml.peak_layer = 1 : i64, tinyml.peak_name = "tinyml.reshape"}
// CHECK-NEXT: %a = tinyml.alloc {tinyml.live = array<i64: 0, 2>}
// CHECK-NEXT: %b = tinyml.alloc {tinyml.live = array<i64: 1, 2>}
// A buffer that nobody uses lives at the start, and is counted there.
// CHECK-NEXT: %c = tinyml.alloc {tinyml.live = array<i64: 0, 0>}
// CHECK-NEXT: tinyml.reshape {{.*}} {tinyml.live_bytes = 10 : i64}
// CHECK-NEXT: tinyml.reshape {{.*}} {tinyml.live_bytes = 12 : i64}
// CHECK-NEXT: tinyml.mul {{.*}} {tinyml.live_bytes = 12 : i64}

// -----

// Bytes, not elements; what a pass put there before is replaced, all else stays.
func.func @main(%x: memref<4xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) attributes {tinyml.peak_bytes = 1 : i64} {
  tinyml.quantize ins(%x : memref<4xf32>) outs(%y : memref<4xi8>) scale 1.0 zero_points [0] rounding away {note, tinyml.live_bytes = 1 : i64}
  func.return
}
// CHECK:      attributes {tinyml.peak_bytes = 20 : i64, tinyml.peak_layer = 0 : i64, tinyml.peak_name = "tinyml.quantize"}
// CHECK:      tinyml.quantize {{.*}} {note, tinyml.live_bytes = 20 : i64}

// -----

// No layers, no peak.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  func.return
}
// CHECK:      func.func @main
// CHECK-SAME:   attributes {tinyml.peak_bytes = 0 : i64} {
