// RUN: tinyml-opt %s -p tinyml-insert-layer-hooks --print-debuginfo --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-insert-layer-hooks{symbol=profile}' --split-input-file | filecheck %s --check-prefix=SYMBOL

func.func private @kernel(memref<4xi8>)

func.func @main(%x: memref<4xi8>) {
  func.call @kernel(%x) {tinyml.op = "tinyml.reshape"} : (memref<4xi8>) -> () loc("first")
  func.call @kernel(%x) : (memref<4xi8>) -> ()
  func.call @kernel(%x) {tinyml.op = "tinyml.add"} : (memref<4xi8>) -> () loc("second")
  func.return
}
// The hook is declared before its first use, as C wants it.
// CHECK:      func.func private @layer_end(i32) -> () attributes {tinyml.hook}
// CHECK:      func.func @main(
// After each layer, with its position and its location; other calls have none.
// CHECK-NEXT: func.call @kernel({{.*}} loc("first")
// CHECK-NEXT: %c0_i32 = arith.constant 0 : i32
// CHECK-NEXT: func.call @layer_end(%c0_i32) : (i32) -> () loc("first")
// CHECK-NEXT: func.call @kernel(
// CHECK-NEXT: func.call @kernel({{.*}} loc("second")
// CHECK-NEXT: %c1_i32 = arith.constant 1 : i32
// CHECK-NEXT: func.call @layer_end(%c1_i32) : (i32) -> () loc("second")
// CHECK-NEXT: func.return

// SYMBOL:     func.func private @profile(i32) -> () attributes {tinyml.hook}
// SYMBOL:     func.call @profile(%c0_i32)
// SYMBOL:     func.call @profile(%c1_i32)

// -----

// No layers, no hook.
func.func @main() {
  func.return
}
// CHECK:      builtin.module {
// CHECK-NEXT: func.func @main() {
