// RUN: tinyml-opt %s -p tinyml-fold-reshape --split-input-file | filecheck %s

// The copy becomes a view of what it copies, wherever the buffers stand.
func.func @main(%x: memref<1x2x3xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<6xi8>
  %b = tinyml.alloc : memref<2x3xi8>
  %c = tinyml.alloc : memref<2x3xi8>
  %d = tinyml.alloc : memref<6xi8>
  tinyml.reshape ins(%x : memref<1x2x3xi8>) outs(%b : memref<2x3xi8>)
  tinyml.maximum ins(%b, %b : memref<2x3xi8>, memref<2x3xi8>) outs(%c : memref<2x3xi8>)
  tinyml.reshape ins(%c : memref<2x3xi8>) outs(%a : memref<6xi8>)
  tinyml.maximum ins(%a, %a : memref<6xi8>, memref<6xi8>) outs(%d : memref<6xi8>)
  tinyml.maximum ins(%a, %d : memref<6xi8>, memref<6xi8>) outs(%y : memref<6xi8>)
  func.return
}
// CHECK:      func.func @main(%x
// CHECK-NEXT: %c = tinyml.alloc : memref<2x3xi8>
// CHECK-NEXT: %a = memref.reinterpret_cast %c to offset: [0], sizes: [6], strides: [1] : memref<2x3xi8> to memref<6xi8>
// CHECK-NEXT: %b = memref.reinterpret_cast %x to offset: [0], sizes: [2, 3], strides: [3, 1] : memref<1x2x3xi8> to memref<2x3xi8>
// CHECK-NEXT: %d = tinyml.alloc
// CHECK-NEXT: tinyml.maximum ins(%b, %b : {{.*}}) outs(%c :
// CHECK-NEXT: tinyml.maximum ins(%a, %a : {{.*}}) outs(%d :
// CHECK-NEXT: tinyml.maximum ins(%a, %d : {{.*}}) outs(%y :
// CHECK-NEXT: func.return

// -----

// What is copied to an output is written there; others may read it there.
func.func @main(%x: memref<2x3xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<2x3xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<2x3xi8>
  tinyml.maximum ins(%x, %x : memref<2x3xi8>, memref<2x3xi8>) outs(%a : memref<2x3xi8>)
  tinyml.reshape ins(%a : memref<2x3xi8>) outs(%y : memref<6xi8>)
  tinyml.maximum ins(%a, %x : memref<2x3xi8>, memref<2x3xi8>) outs(%z : memref<2x3xi8>)
  func.return
}
// CHECK:      %a = memref.reinterpret_cast %y to offset: [0], sizes: [2, 3]
// CHECK-NEXT: tinyml.maximum ins(%x, %x : {{.*}}) outs(%a :
// CHECK-NEXT: tinyml.maximum ins(%a, %x : {{.*}}) outs(%z :

// -----

// From port to port it stays a copy, through views too: from an input, or from an output
// that is written once only.
func.func @main(%x: memref<2x3xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<6xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<3x2xi8>
  tinyml.reshape ins(%x : memref<2x3xi8>) outs(%a : memref<3x2xi8>)
  tinyml.reshape ins(%a : memref<3x2xi8>) outs(%y : memref<6xi8>)
  tinyml.reshape ins(%y : memref<6xi8>) outs(%z : memref<6xi8>)
  func.return
}
// CHECK:      %a = memref.reinterpret_cast %x
// CHECK-NEXT: tinyml.reshape ins(%a : memref<3x2xi8>) outs(%y : memref<6xi8>)
// CHECK-NEXT: tinyml.reshape ins(%y : memref<6xi8>) outs(%z : memref<6xi8>)

// -----

// Other layers that keep every element where it is; of the same shape there is no view.
func.func @main(%x: memref<1x2x1x3xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x1x3xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x2x1x3xi8>
  %b = tinyml.alloc : memref<1x2x1x3xi8>
  %c = tinyml.alloc : memref<1x2x1x3xi8>
  %d = tinyml.alloc : memref<2x1x3x1xi8>
  tinyml.pad ins(%x : memref<1x2x1x3xi8>) outs(%a : memref<1x2x1x3xi8>) low [0, 0, 0, 0] high [0, 0, 0, 0] value 1
  tinyml.slice ins(%a : memref<1x2x1x3xi8>) outs(%b : memref<1x2x1x3xi8>) offsets [0, 0, 0, 0] strides [1, 1, 2, 1]
  tinyml.concat ins(%b : memref<1x2x1x3xi8>) outs(%c : memref<1x2x1x3xi8>) axis 3
  tinyml.transpose ins(%c : memref<1x2x1x3xi8>) outs(%d : memref<2x1x3x1xi8>) permutation [1, 0, 3, 2]
  tinyml.reshape ins(%d : memref<2x1x3x1xi8>) outs(%y : memref<1x2x1x3xi8>)
  func.return
}
// CHECK:      func.func @main
// CHECK-NEXT: %d = memref.reinterpret_cast %x to offset: [0], sizes: [2, 1, 3, 1]
// CHECK-NEXT: tinyml.reshape ins(%d : memref<2x1x3x1xi8>) outs(%y
// CHECK-NEXT: func.return

// -----

// ... and ones that do not.
func.func @main(%x: memref<1x2x3x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x3x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x3x2x1xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<1x3x2x1xi8>
  %b = tinyml.alloc : memref<1x3x2x1xi8>
  %w = "memref.get_global"() <{name = @w}> : () -> memref<6xi8>
  %c = tinyml.alloc : memref<1x3x2x1xi8>
  tinyml.transpose ins(%x : memref<1x2x3x1xi8>) outs(%a : memref<1x3x2x1xi8>) permutation [0, 2, 1, 3]
  tinyml.slice ins(%a : memref<1x3x2x1xi8>) outs(%b : memref<1x3x2x1xi8>) offsets [0, 2, 0, 0] strides [1, -1, 1, 1]
  tinyml.reshape ins(%w : memref<6xi8>) outs(%c : memref<1x3x2x1xi8>)
  tinyml.maximum ins(%b, %b : memref<1x3x2x1xi8>, memref<1x3x2x1xi8>) outs(%y : memref<1x3x2x1xi8>)
  tinyml.maximum ins(%b, %c : memref<1x3x2x1xi8>, memref<1x3x2x1xi8>) outs(%z : memref<1x3x2x1xi8>)
  func.return
}
"memref.global"() <{sym_name = "w", type = memref<6xi8>, initial_value = dense<1> : tensor<6xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK: tinyml.transpose
// CHECK: tinyml.slice
// CHECK: tinyml.reshape
