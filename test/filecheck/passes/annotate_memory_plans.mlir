// RUN: tinyml-opt %s --split-input-file -p tinyml-annotate-memory | filecheck %s
// RUN: tinyml-opt %s --split-input-file -p tinyml-plan-memory,tinyml-annotate-memory | filecheck %s --check-prefix=PLANNED
// RUN: tinyml-opt %s --split-input-file -p tinyml-overlap,tinyml-annotate-memory | filecheck %s --check-prefix=LEAST
// RUN: tinyml-opt %s --split-input-file -p 'tinyml-overlap,tinyml-plan-memory,tinyml-annotate-memory' | filecheck %s --check-prefix=OVERLAP
// RUN: tinyml-opt %s --split-input-file -p 'tinyml-overlap,tinyml-plan-memory{strategy=separate},tinyml-annotate-memory' | filecheck %s --check-prefix=SEPARATE

// A chain: two tensors of eight bytes live at a time, or nothing but one where the copy
// may lie upon what it copies. Without sharing, too, only two
// are alive.
func.func @chain(%x: memref<8xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<2x4xi8>
  tinyml.reshape ins(%x : memref<8xi8>) outs(%a : memref<2x4xi8>) loc("first")
  tinyml.reshape ins(%a : memref<2x4xi8>) outs(%y : memref<8xi8>) loc("second")
  func.return
}
// CHECK:       tinyml.peak_bytes = 16 : i64, tinyml.peak_layer = 0 : i64, tinyml.peak_name = "first"
// PLANNED:     tinyml.peak_bytes = 16 : i64
// LEAST:       tinyml.peak_bytes = 8 : i64
// OVERLAP:     tinyml.arena_bytes = 8 : i64, tinyml.lower_bound = 8 : i64, tinyml.peak_bytes = 8 : i64
// SEPARATE:    tinyml.arena_bytes = 24 : i64, tinyml.lower_bound = 24 : i64, tinyml.peak_bytes = 16 : i64

// -----

// A residual: %x lives on for the sum, so the copy of it shares nothing; the sum may lie
// upon either of its inputs.
func.func @residual(%x: memref<8xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<8xi8>
  tinyml.reshape ins(%x : memref<8xi8>) outs(%a : memref<8xi8>)
  tinyml.maximum ins(%x, %a : memref<8xi8>, memref<8xi8>) outs(%y : memref<8xi8>)
  func.return
}
// CHECK:       tinyml.peak_bytes = 24 : i64, tinyml.peak_layer = 1 : i64, tinyml.peak_name = "tinyml.maximum"
// CHECK:       tinyml.reshape {{.*}}tinyml.live_bytes = 16 : i64
// CHECK:       tinyml.maximum {{.*}}tinyml.live_bytes = 24 : i64
// LEAST:       tinyml.peak_bytes = 16 : i64, tinyml.peak_layer = 0 : i64
// OVERLAP:     tinyml.peak_bytes = 16 : i64, tinyml.peak_layer = 0 : i64
// SEPARATE:    tinyml.peak_bytes = 24 : i64, tinyml.peak_layer = 1 : i64

// -----

// Overlap in part: the output may start 10 bytes below the input and ends within it.
func.func @pool(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>)
    window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  func.return
}
// CHECK:       tinyml.peak_bytes = 64 : i64
// LEAST:       tinyml.peak_bytes = 42 : i64
// Places are multiples of four.
// OVERLAP:     tinyml.arena_bytes = 44 : i64, tinyml.lower_bound = 42 : i64, tinyml.peak_bytes = 44 : i64
// OVERLAP:     tinyml.max_pool2d {{.*}}tinyml.live_bytes = 44 : i64

// -----

// In place, with two rows of four pixels and one channel that wait in scratch memory.
"memref.global"() <{sym_name = "w", type = memref<3x3x2xi8>, initial_value = dense<1> : tensor<3x3x2xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<5> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @by_channels(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.depthwise_conv2d ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) weights @w requant @rq
    window <[3, 3], pad = [1, 1, 1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double
    {tinyml.kernel = #tinyml.kernel<channels, 1>}
  func.return
}
// CHECK:       tinyml.peak_bytes = 72 : i64
// CHECK:       tinyml.depthwise_conv2d {{.*}}tinyml.live_bytes = 72 : i64, tinyml.scratch_bytes = 8 : i64
// LEAST:       tinyml.peak_bytes = 40 : i64
// OVERLAP:     tinyml.arena_bytes = 40 : i64, tinyml.lower_bound = 40 : i64, tinyml.peak_bytes = 40 : i64
// OVERLAP:     tinyml.depthwise_conv2d {{.*}}tinyml.live_bytes = 40 : i64, tinyml.scratch_bytes = 8 : i64
// SEPARATE:    tinyml.arena_bytes = 72 : i64, tinyml.lower_bound = 72 : i64, tinyml.peak_bytes = 72 : i64

// -----

// A view of a view is the buffer: the input lives until its views have been read, so
// only the last layer may write upon it.
func.func @views(%x: memref<8xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<2x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %v = memref.reinterpret_cast %x to offset: [0], sizes: [4, 2], strides: [2, 1] : memref<8xi8> to memref<4x2xi8>
  %w = memref.reinterpret_cast %v to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<4x2xi8> to memref<2x4xi8>
  %a = tinyml.alloc : memref<4x2xi8>
  %b = memref.reinterpret_cast %a to offset: [0], sizes: [2, 4], strides: [4, 1] : memref<4x2xi8> to memref<2x4xi8>
  tinyml.maximum ins(%v, %v : memref<4x2xi8>, memref<4x2xi8>) outs(%a : memref<4x2xi8>)
  tinyml.maximum ins(%w, %b : memref<2x4xi8>, memref<2x4xi8>) outs(%y : memref<2x4xi8>)
  func.return
}
// CHECK:       tinyml.alloc {tinyml.live = array<i64: 0, 1>}
// CHECK:       tinyml.maximum {{.*}}tinyml.live_bytes = 16 : i64
// CHECK:       tinyml.maximum {{.*}}tinyml.live_bytes = 24 : i64
// OVERLAP:     tinyml.arena_bytes = 16 : i64
// OVERLAP:     tinyml.maximum {{.*}}tinyml.live_bytes = 16 : i64
// OVERLAP:     tinyml.maximum {{.*}}tinyml.live_bytes = 16 : i64

// -----

// A plan that is not complete is none: %x has no place.
func.func @half(%x: memref<8xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y">, tinyml.at = 0 : i64}) attributes {tinyml.arena_bytes = 8 : i64} {
  tinyml.reshape ins(%x : memref<8xi8>) outs(%y : memref<8xi8>)
  func.return
}
// CHECK:       tinyml.peak_bytes = 16 : i64
