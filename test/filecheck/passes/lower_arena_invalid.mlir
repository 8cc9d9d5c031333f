// RUN: tinyml-opt %s -p tinyml-lower-arena --split-input-file --verify-diagnostics | filecheck %s

func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  func.return
}
// CHECK: @main has no tinyml.arena_bytes; run tinyml-plan-memory first

// -----

// A buffer that came after planning.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">, tinyml.at = 0 : i64}) attributes {tinyml.arena_bytes = 4 : i64} {
  %a = tinyml.alloc : memref<4xi8>
  func.return
}
// CHECK: a buffer of @main has no at; run tinyml-plan-memory first
