// Networks of layers go through mlir-opt and back, and are what they were.

// As imported:
// RUN: tinyml-opt %digits --print-op-generic --print-debuginfo > %t.imported.mlir
// RUN: %mlir_opt_generic %t.imported.mlir > %t.back.mlir
// RUN: %same_ir %t.imported.mlir %t.back.mlir

// With stages, kernels, and a plan of memory:
// RUN: tinyml-opt %digits -p 'tinyml-quantized-io,tinyml-fold-reshape,tinyml-fuse-activation,tinyml-select-kernels{words=all core=cortex-m4},tinyml-overlap,tinyml-stream{first=0 layers=4 block=2},tinyml-plan-memory,tinyml-annotate-memory' --print-op-generic --print-debuginfo > %t.stages.mlir
// RUN: filecheck %s --check-prefix=STAGES < %t.stages.mlir
// RUN: %mlir_opt_generic %t.stages.mlir > %t.back.mlir
// RUN: %same_ir %t.stages.mlir %t.back.mlir

// STAGES: "tinyml.stage"(
