// RUN: tinyml-opt %s --parsing-diagnostics --split-input-file | filecheck %s

// What the syntax of attributes and layers does not take.

"test.op"() {a = #tinyml.requant<1>} : () -> ()
// CHECK: Expected ','

// -----

"test.op"() {a = #tinyml.requant<0.5, 1>} : () -> ()
// CHECK: Expected integer literal

// -----

"test.op"() {a = #tinyml.requant<true, 1>} : () -> ()
// CHECK: Expected integer literal

// -----

"test.op"() {a = #tinyml<rounding up>} : () -> ()
// CHECK: Expected `double`, `single`, `even`, `away`, or `f32`.

// -----

"test.op"() {a = #tinyml.window<3, 3>} : () -> ()
// CHECK: '[' expected

// -----

"test.op"() {a = #tinyml.window<[3, 3], stride = [2, 2]>} : () -> ()
// CHECK: expected strides, dilations or pad

// -----

"test.op"() {a = #tinyml.window<[3, 3], strides [2, 2]>} : () -> ()
// CHECK: Expected '='

// -----

"test.op"() {a = #tinyml.window<[3, 3], strides = 2>} : () -> ()
// CHECK: '[' expected

// -----

"test.op"() {a = #tinyml.window<[3, 3], strides = [2, 2], strides = [1, 1]>} : () -> ()
// CHECK: strides is given twice

// -----

"test.op"() {a = #tinyml.window<[3, 3], 2>} : () -> ()
// CHECK: one of strides, dilations, pad

// -----

"test.op"() {a = #tinyml.tensor<x>} : () -> ()
// CHECK: string literal expected

// -----

// A scale comes with its zero point.
"test.op"() {a = #tinyml.tensor<"x", 0.5>} : () -> ()
// CHECK: Expected ':'

// -----

"test.op"() {a = #tinyml.tensor<"x", 0.5 : 0.5>} : () -> ()
// CHECK: Expected integer literal

// -----

"test.op"() {a = #tinyml.tensor<"x", fast : 0>} : () -> ()
// CHECK: integer or float literal expected

// -----

// A name that the op does not know is not a property of it.
func.func @main(%x: memref<1x4x4x1xi8>, %y: memref<1x2x2x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x4x4x1xi8>) outs(%y : memref<1x2x2x1xi8>)
    window <[2, 2], strides = [2, 2]> clip [-128, 127]
  func.return
}
// CHECK: Expected 'clamp'

// -----

func.func @main(%x: memref<1x4x4x1xi8>, %y: memref<1x2x2x1xi8>) {
  tinyml.max_pool2d ins(%x : memref<1x4x4x1xi8>) outs(%y : memref<1x2x2x1xi8>)
    window <[2, 2], strides = [2, 2]> clamp <-128, 127>
  func.return
}
// CHECK: '[' expected
