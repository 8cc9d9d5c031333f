// RUN: tinyml-opt %s -t tinyml-c --verify-diagnostics --split-input-file | filecheck %s

// What has no C form is an error that names it, never C that does something else.
func.func @main(%x: memref<4xi8>) {
  %b = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%x : memref<4xi8>) outs(%b : memref<4xi8>)
  func.return
}
// CHECK: tinyml-c: tinyml.alloc has no C form; lower it first

// -----

// An op of an expression.
func.func @main(%a: i32, %x: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %0 = arith.divui %a, %a : i32
  memref.store %0, %x[%c0] : memref<1xi32>
  func.return
}
// CHECK: tinyml-c: arith.divui has no C form; lower it first

// -----

// A comparison of unsigned numbers.
func.func @main(%a: i32) {
  %0 = arith.cmpi ult, %a, %a : i32
  scf.if %0 {
  }
  func.return
}
// CHECK: tinyml-c: arith.cmpi has no C form; lower it first

// -----

// A comparison that is true of not-a-number.
func.func @main(%a: f32) {
  %0 = arith.cmpf ult, %a, %a : f32
  scf.if %0 {
  }
  func.return
}
// CHECK: tinyml-c: arith.cmpf has no C form; lower it first

// -----

// True is -1 as a signed i1, but 1 in C.
func.func @main(%a: i1, %x: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %0 = arith.extsi %a : i1 to i32
  memref.store %0, %x[%c0] : memref<1xi32>
  func.return
}
// CHECK: tinyml-c: arith.extsi of i1 has no C form

// -----

func.func @main(%a: f64) {
  func.return
}
// CHECK: tinyml-c: no C type for f64

// -----

func.func @main(%x: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %0 = arith.constant 0x7F800000 : f32
  memref.store %0, %x[%c0] : memref<1xf32>
  func.return
}
// CHECK: tinyml-c: no C literal for 0x7f800000 : f32

// -----

func.func @main(%x: memref<4x?xi8>, %y: memref<1xi8>) {
  %c0 = arith.constant 0 : index
  %0 = memref.load %x[%c0, %c0] : memref<4x?xi8>
  memref.store %0, %y[%c0] : memref<1xi8>
  func.return
}
// CHECK: tinyml-c: memref<4x?xi8> has strides known only at run time

// -----

func.func @main(%a: i32) -> i32 {
  func.return %a : i32
}
// CHECK: tinyml-c: func.return has no C form; lower it first

// -----

func.func private @elsewhere(i32)
// CHECK: tinyml-c: @elsewhere is declared but not a hook

// -----

"test.op"() : () -> ()
// CHECK: tinyml-c: test.op has no C form; lower it first
