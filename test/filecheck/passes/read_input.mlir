// RUN: tinyml-opt %s -p tinyml-read-input --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-read-input{mode=stream}' --split-input-file | filecheck %s --check-prefix=STREAM

// The second input, an image, is asked for; numbers are those of the model.
func.func @main(%v: memref<1x2xi8> {tinyml.input = #tinyml.tensor<"v">}, %x: memref<1x4x4x2xui8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : 1>}, %w: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"w">}, %y: memref<1x4x4x2xui8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%v : memref<1x2xi8>) outs(%w : memref<1x2xi8>)
  tinyml.reshape ins(%x : memref<1x4x4x2xui8>) outs(%y : memref<1x4x4x2xui8>)
  func.return
}
// CHECK:      func.func @main(%v: memref<1x2xi8> {tinyml.input = #tinyml.tensor<"v">}, %w: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"w">}, %y: memref<1x4x4x2xui8> {tinyml.output = #tinyml.tensor<"y">}) {
// CHECK-NEXT:   %x = tinyml.alloc : memref<1x4x4x2xui8>
// CHECK-NEXT:   tinyml.read_rows outs(%x : memref<1x4x4x2xui8>) input 1 tensor <"x", 5.000000e-01 : 1>
// CHECK-NEXT:   tinyml.reshape ins(%v
// CHECK-NEXT:   tinyml.reshape ins(%x

// STREAM:     tinyml.read_rows {{.*}} input 1 tensor <"x", 5.000000e-01 : 1> once

// -----

// One that is asked for already keeps its number.
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  tinyml.read_rows outs(%z : memref<1x4x4x2xi8>) input 0 tensor <"first">
  tinyml.reshape ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>)
  func.return
}
// CHECK:      tinyml.read_rows outs(%x : memref<1x4x4x2xi8>) input 1 tensor <"x">
// CHECK-NEXT: tinyml.read_rows outs(%z : memref<1x4x4x2xi8>) input 0 tensor <"first">

// -----

// Floats, batches, vectors, and what nobody reads stay.
func.func @main(%a: memref<1x4x4x2xf32> {tinyml.input = #tinyml.tensor<"a">}, %b: memref<2x4x4x2xi8> {tinyml.input = #tinyml.tensor<"b">}, %c: memref<4x2xi8> {tinyml.input = #tinyml.tensor<"c">}, %d: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"d">}, %x: memref<1x4x4x2xf32> {tinyml.output = #tinyml.tensor<"x">}, %y: memref<2x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<4x2xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  tinyml.reshape ins(%a : memref<1x4x4x2xf32>) outs(%x : memref<1x4x4x2xf32>)
  tinyml.reshape ins(%b : memref<2x4x4x2xi8>) outs(%y : memref<2x4x4x2xi8>)
  tinyml.reshape ins(%c : memref<4x2xi8>) outs(%z : memref<4x2xi8>)
  func.return
}
// CHECK:     func.func @main(%a: {{.*}} %b: {{.*}} %c: {{.*}} %d:
// CHECK-NOT: read_rows
