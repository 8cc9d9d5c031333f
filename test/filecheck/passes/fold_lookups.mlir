// RUN: tinyml-opt %s -p tinyml-fold-lookups --split-input-file --print-debuginfo | filecheck %s
// RUN: tinyml-opt %s -p tinyml-fold-lookups,tinyml-fuse-activation --split-input-file --print-debuginfo | filecheck %s --check-prefix=FUSED

// Functions of one byte in a row, with unsigned bytes on the way, become one table; this
// one makes 7 of every byte.
func.func @main(%x: memref<1x2x2x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x2x2x1xui8>
  %b = tinyml.alloc : memref<1x2x2x1xi8>
  %c = tinyml.alloc : memref<1x2x2x1xi8>
  %v = memref.reinterpret_cast %c to offset: [0], sizes: [4], strides: [1] : memref<1x2x2x1xi8> to memref<4xi8>
  tinyml.requantize ins(%x : memref<1x2x2x1xi8>) outs(%a : memref<1x2x2x1xui8>) requant <1073741824, 1> zero_points [-128, 0] rounding even loc("a")
  tinyml.requantize ins(%a : memref<1x2x2x1xui8>) outs(%b : memref<1x2x2x1xi8>) requant <1073741824, 1> zero_points [0, -128] rounding even loc("b")
  tinyml.max_pool2d ins(%b : memref<1x2x2x1xi8>) outs(%c : memref<1x2x2x1xi8>) window <[1, 1]> clamp [-128, -100] loc("c")
  tinyml.lookup ins(%v : memref<4xi8>) outs(%y : memref<4xi8>) table @seven {tinyml.index = 4 : i64} loc("y")
  func.return
}
"memref.global"() <{sym_name = "seven", type = memref<256xi8>, initial_value = dense<7> : tensor<256xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK-NOT:  @seven
// CHECK:      "memref.global"() <{sym_name = "lookup{{[_0-9]*}}_table", type = memref<256xi8>, initial_value = dense<7>
// CHECK-NEXT: func.func @main(%x
// CHECK-NEXT: [[X:%.*]] = memref.reinterpret_cast %x to offset: [0], sizes: [4]
// CHECK-NEXT: tinyml.lookup ins([[X]] : memref<4xi8>) outs(%y : memref<4xi8>) table @lookup{{[_0-9]*}}_table {tinyml.index = 4 : i64} loc("y")
// CHECK-NEXT: func.return

// FUSED: tinyml.lookup

// -----

// Together they do nothing.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<4xui8>
  %b = tinyml.alloc : memref<4xi8>
  tinyml.requantize ins(%x : memref<4xi8>) outs(%a : memref<4xui8>) requant <1073741824, 1> zero_points [-128, 0] rounding even
  tinyml.requantize ins(%a : memref<4xui8>) outs(%b : memref<4xi8>) requant <1073741824, 1> zero_points [0, -128] rounding even
  tinyml.maximum ins(%b, %x : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: tinyml.lookup ins(%x {{.*}} outs(%b
// FUSED:      func.func @main
// FUSED-NEXT: tinyml.maximum ins(%x, %x
// FUSED-NOT:  memref.global

// -----

// From or to unsigned bytes there is no table; what others read too is needed.
func.func @main(%x: memref<4xui8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<4xi8> {tinyml.output = #tinyml.tensor<"z">}, %u: memref<4xui8> {tinyml.output = #tinyml.tensor<"u">}) {
  %a = tinyml.alloc : memref<4xi8>
  %b = tinyml.alloc : memref<4xi8>
  tinyml.requantize ins(%x : memref<4xui8>) outs(%a : memref<4xi8>) requant <1073741824, 0> zero_points [128, 0] rounding even
  tinyml.requantize ins(%a : memref<4xi8>) outs(%b : memref<4xi8>) requant <1073741824, 0> zero_points [0, 0] rounding even
  tinyml.maximum ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
  tinyml.requantize ins(%y : memref<4xi8>) outs(%z : memref<4xi8>) requant <1073741824, 0> zero_points [0, 0] rounding even
  tinyml.requantize ins(%z : memref<4xi8>) outs(%u : memref<4xui8>) requant <1073741824, 0> zero_points [0, 0] rounding even
  func.return
}
// CHECK:      tinyml.requantize ins(%x
// CHECK-NEXT: tinyml.requantize ins(%a
// CHECK-NEXT: tinyml.maximum
// CHECK-NEXT: tinyml.requantize ins(%y
// CHECK-NEXT: tinyml.requantize ins(%z
