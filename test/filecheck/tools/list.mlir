// RUN: tinyml-opt --list-passes | filecheck %s
// RUN: tinyml-opt --list-targets | filecheck %s --check-prefix=TARGETS
// RUN: tinyml-opt --help | filecheck %s --check-prefix=HELP

// Each pass with a sentence, its options with type and default.
// CHECK:      tinyml-insert-layer-hooks
// CHECK-NEXT:   Calls a hook after every layer's kernel.
// CHECK-NEXT:     symbol: str (default layer_end)
// CHECK:      tinyml-plan-memory
// CHECK-NEXT:   Gives every buffer of a network its offset in one arena.
// CHECK-NEXT:     strategy: Literal['greedy', 'optimal', 'separate'] (default greedy)
// CHECK-NEXT:     alignment: int (default 4)
// CHECK:      tinyml-prefix-symbols
// CHECK-NEXT:   Puts a prefix before every symbol.
// CHECK-NEXT:     prefix: str (required)
// The pipelines at the end, with what they run.
// CHECK:      @default
// CHECK-NEXT:   tinyml-plan-memory,
// CHECK:      @reference
// CHECK-NEXT:   tinyml-plan-memory{strategy=separate},

// TARGETS:      tinyml-c
// TARGETS-NEXT:   Prints a module of func, scf, memref, arith and acle ops as C99.
// TARGETS-NEXT:     part: Literal['all', 'code', 'constants'] (default all)
// TARGETS:      tinyml-mlir

// HELP: -f {mlir,tflite,onnx,pt2}
// HELP: --list-passes
// HELP: --list-targets
// HELP: --debug
