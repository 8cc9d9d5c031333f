// RUN: tinyml-opt %s -p tinyml-plan-memory --split-input-file --verify-diagnostics | filecheck %s
// RUN: not tinyml-opt %s -p 'tinyml-plan-memory{alignment=3}' --split-input-file 2>&1 | filecheck %s --check-prefix=ALIGNMENT
// RUN: not tinyml-opt %s -p 'tinyml-plan-memory{alignment=0}' --split-input-file 2>&1 | filecheck %s --check-prefix=ZERO
// RUN: not tinyml-opt %s -p 'tinyml-plan-memory{strategy=best}' --split-input-file 2>&1 | filecheck %s --check-prefix=STRATEGY

// ALIGNMENT: error: tinyml-plan-memory: alignment 3 is not a power of two
// ZERO: error: tinyml-plan-memory: alignment 0 is not a power of two
// STRATEGY: tinyml-opt: {{.*}}('best',){{.*}}'greedy', 'optimal', 'separate'

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%a : memref<4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: buffer %a is read but never written

// -----

// Whoever calls the network reads its output.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  func.return
}
// CHECK: buffer %y is read but never written

// -----

// An argument of no role is nobody's to write.
func.func @main(%s: memref<4xi8>, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%s : memref<4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: buffer %s is read but never written

// -----

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
  tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: buffer %y is written more than once

// -----

// Whoever calls the network writes its input.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8>) {
  tinyml.reshape ins(%y : memref<4xi8>) outs(%x : memref<4xi8>)
  func.return
}
// CHECK: buffer %x is written more than once

// -----

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%a : memref<4xi8>) outs(%y : memref<4xi8>)
  tinyml.reshape ins(%x : memref<4xi8>) outs(%a : memref<4xi8>)
  func.return
}
// CHECK: buffer %a is read before it is written

// -----

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  "test.op"(%x) : (memref<4xi8>) -> ()
  func.return
}
// CHECK: buffer %x is used by test.op, which is not a layer of the network

// -----

// A layer in a region may run any number of times.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %always = arith.constant true
  scf.if %always {
    tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
  }
  func.return
}
// CHECK: buffer %x is used by tinyml.reshape, which is not a layer of the network

// -----

// Only views of all of a buffer are followed.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %v = memref.reinterpret_cast %x to offset: [0], sizes: [2], strides: [1] : memref<4xi8> to memref<2xi8>
  tinyml.reshape ins(%v : memref<2xi8>) outs(%y : memref<2xi8>)
  func.return
}
// CHECK: buffer %x is used by memref.reinterpret_cast, which is not a layer of the network or a view of the whole buffer
