// RUN: xdsl-opt %s | filecheck %s
// RUN: xdsl-opt %s -p tinyml-plan-memory | filecheck %s --check-prefix=PASS
// RUN: xdsl-opt %s -p tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena -t tinyml-c | filecheck %s --check-prefix=TARGET
// RUN: xdsl-opt %s -t tinyml-mlir | filecheck %s

// Stock xDSL finds dialect, passes and targets by itself.
func.func @network(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)
  func.return
}
// CHECK:  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)
// PASS:   tinyml.arena_bytes = 8 : i64
// TARGET: void network(int8_t *arena) {
