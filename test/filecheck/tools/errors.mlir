// RUN: not tinyml-opt %s -p @nothing 2>&1 | filecheck %s --match-full-lines --check-prefix=PIPELINE
// RUN: not tinyml-opt %s -p 'tinyml-plan-memory{strategi=greedy}' 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: not tinyml-opt %s -p tinyml-plan-memory,tinyml-lower-arenas 2>&1 | filecheck %s --check-prefix=PASS
// RUN: not tinyml-opt %s -p tinyml-lower-arena 2>&1 | filecheck %s --match-full-lines --check-prefix=FAILED
// RUN: not tinyml-opt %s -p tinyml-plan-memory,tinyml-lower-arena 2>&1 | filecheck %s --check-prefix=PLACED
// RUN: not tinyml-opt %s -t tinyml-c 2>&1 | filecheck %s --match-full-lines --check-prefix=TARGET
// RUN: not tinyml-opt %s.missing 2>&1 | filecheck %s --check-prefix=MISSING
// RUN: not tinyml-opt %s --debug -p tinyml-lower-arena 2>&1 | filecheck %s --check-prefix=DEBUG

// RUN: echo 'func.func @network() { func.return } }' > %t.mlir
// RUN: not tinyml-opt %t.mlir 2>&1 | filecheck %s --check-prefix=SYNTAX
// RUN: echo '"builtin.module"() ({ %0 = tinyml.alloc at -4 : memref<4xi8> }) : () -> ()' > %t.mlir
// RUN: not tinyml-opt %t.mlir 2>&1 | filecheck %s --check-prefix=VERIFIER
// RUN: echo 'no model' > %t.tflite
// RUN: not tinyml-opt %t.tflite 2>&1 | filecheck %s --match-full-lines --check-prefix=TFLITE
// RUN: echo 'no model' > %t.onnx
// RUN: not tinyml-opt %t.onnx 2>&1 | filecheck %s --check-prefix=ONNX

// Whatever is wrong, a user gets one line that says so, and no traceback.
func.func @network(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)
  func.return
}

// PIPELINE: tinyml-opt: unknown pipeline '@nothing'; there are: @default, @size, @ram, @stages, @reference, @cortex-m4, @cortex-m7
// OPTION: tinyml-opt: {{.*}}"strategi"{{.*}}"strategy", "alignment"
// PASS: tinyml-opt: {{.*}}'tinyml-lower-arenas'
// FAILED: {{.*}}errors.mlir: error: tinyml-lower-arena: @network has no tinyml.arena_bytes; run tinyml-plan-memory first
// An error is where its op is, if that is known.
// PLACED: {{.*}}errors.mlir:{{[0-9]+}}:3: error: tinyml-lower-arena: @network still has layers such as tinyml.reshape; run tinyml-convert-layers-to-loops first
// TARGET: tinyml-opt: tinyml-c: tinyml.reshape has no C form; lower it first
// MISSING: tinyml-opt: {{.*}}errors.mlir.missing: No such file or directory
// SYNTAX: {{.*}}.mlir:1:{{[0-9]+}}: error: {{.*}}
// VERIFIER: {{.*}}.mlir:1:23: error: 'tinyml.alloc' op offset -4 is negative
// TFLITE: tinyml-opt: not a TensorFlow Lite model (no TFL3 identifier)
// ONNX: tinyml-opt: {{.*}}ONNX

// SYNTAX-NOT: Traceback
// ONNX-NOT: Traceback

// Except for those who ask.
// DEBUG: Traceback
// DEBUG: PassFailedException: @network has no tinyml.arena_bytes
