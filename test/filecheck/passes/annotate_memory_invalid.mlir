// RUN: tinyml-opt %s -p tinyml-annotate-memory --split-input-file --verify-diagnostics | filecheck %s

func.func @main(%x: memref<4xi8>) {
  func.return
}
// CHECK: the module has 0 functions with tinyml.input or tinyml.output arguments, expected 1

// -----

func.func @one(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  func.return
}
func.func @two(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  func.return
}
// CHECK: the module has 2 functions with tinyml.input or tinyml.output arguments, expected 1

// -----

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%a : memref<4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK: buffer %a is read but never written
