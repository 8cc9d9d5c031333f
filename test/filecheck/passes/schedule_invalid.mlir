// RUN: tinyml-opt %s -p tinyml-plan-memory,tinyml-schedule --verify-diagnostics --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-schedule{states=0}' --verify-diagnostics --split-input-file | filecheck %s --check-prefix=STATES

// CHECK: @main has a memory plan, which holds for its order only; run tinyml-schedule before tinyml-plan-memory
// STATES: states is 0, expected 1 or more
func.func @main(%x: memref<6xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%x : memref<6xi8>) outs(%y : memref<6xi8>)
  func.return
}
