// RUN: tinyml-opt --list-passes | filecheck %s
// RUN: tinyml-opt --list-targets | filecheck %s --check-prefix=TARGETS
// RUN: tinyml-opt --help-pass tinyml-plan-memory | filecheck %s --check-prefix=PASS
// RUN: tinyml-opt --help-pass @reference | filecheck %s --check-prefix=PIPELINE
// RUN: tinyml-opt --help-pass tinyml-mlir | filecheck %s --check-prefix=TARGET
// RUN: not tinyml-opt --help-pass tinyml-plan-memori 2>&1 | filecheck %s --check-prefix=UNKNOWN
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

// PASS:      tinyml-plan-memory
// PASS:      Expects a network of layers
// PASS:      Before:
// PASS-NEXT: After:
// PASS:      Options:
// PASS:        strategy: Literal['greedy', 'optimal', 'separate'] (default greedy)
// PASS-NEXT:       `greedy` shares bytes between lives;
// PIPELINE:      Layer by layer with no fusion
// PIPELINE:        tinyml-plan-memory{strategy=separate},
// PIPELINE-NEXT:   tinyml-annotate-memory,
// TARGET: elide: bool (default true)
// UNKNOWN: tinyml-opt: no pass, target or pipeline of this project is 'tinyml-plan-memori'; did you mean 'tinyml-plan-memory'?
