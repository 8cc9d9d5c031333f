// RUN: tinyml-opt %s -p tinyml-overlap,tinyml-plan-memory --print-ir-before tinyml-plan-memory --print-ir-after tinyml-overlap 2>&1 >/dev/null | filecheck %s --check-prefix=AROUND
// RUN: tinyml-opt %s -p tinyml-overlap,tinyml-plan-memory,canonicalize --print-between-passes --elide 2>&1 >/dev/null | filecheck %s --check-prefix=BETWEEN
// RUN: not tinyml-opt %s -p tinyml-overlap --print-ir-after tinyml-inplace 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: tinyml-opt %s -p tinyml-overlap --elide | filecheck %s --check-prefix=ELIDED
// RUN: tinyml-opt %s -p tinyml-overlap | filecheck %s --check-prefix=WHOLE

// Each step is a file that parses, and goes on where it stands.
// RUN: tinyml-opt %s -p tinyml-overlap,tinyml-plan-memory --dump-ir-dir %t.dir > %t.mlir
// RUN: ls %t.dir | filecheck %s --check-prefix=FILES
// RUN: tinyml-opt %t.dir/01_tinyml-overlap.mlir -p tinyml-plan-memory | diff %t.mlir -
// RUN: tinyml-opt %t.dir/02_tinyml-plan-memory.mlir | diff %t.mlir -
// RUN: tinyml-opt %s -p tinyml-overlap --dump-ir-dir %t.dir > %t.mlir
// RUN: ls %t.dir | filecheck %s --check-prefix=AGAIN
// RUN: not tinyml-opt %s -p tinyml-overlap --split-input-file --dump-ir-dir %t.dir 2>&1 | filecheck %s --check-prefix=SPLIT

// RUN: tinyml-opt %s -p tinyml-overlap,tinyml-plan-memory --time-passes 2>&1 >/dev/null | filecheck %s --check-prefix=TIME

"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<20xi8>, initial_value = dense<[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]> : tensor<20xi8>, constant}> : () -> ()

func.func @network(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%y : memref<4xi8>)
  func.return
}

// AROUND:      // -----// IR Dump After tinyml-overlap //----- //
// AROUND:      tinyml.reuse
// AROUND:      // -----// IR Dump Before tinyml-plan-memory //----- //
// AROUND:      tinyml.reuse
// AROUND-NOT:  IR Dump

// Not after the last one, whose IR is the output.
// BETWEEN:     // -----// IR Dump After tinyml-overlap //----- //
// BETWEEN:     dense<__elided__> : tensor<20xi8>
// BETWEEN:     // -----// IR Dump After tinyml-plan-memory //----- //
// BETWEEN-NOT: IR Dump

// UNKNOWN: tinyml-opt: no pass of the pipeline is 'tinyml-inplace'; there are: tinyml-overlap

// ELIDED: dense<__elided__>
// WHOLE:  dense<{{.*}}1

// FILES:      00_input.mlir
// FILES-NEXT: 01_tinyml-overlap.mlir
// FILES-NEXT: 02_tinyml-plan-memory.mlir
// AGAIN:      00_input.mlir
// AGAIN-NEXT: 01_tinyml-overlap.mlir
// AGAIN-NOT:  02_
// SPLIT: tinyml-opt: --dump-ir-dir takes one module, not those of --split-input-file

// TIME:      ----Wall Time----  ----Name----
// TIME-NEXT: {{[0-9.]+}} ({{.*}}%)  tinyml-overlap
// TIME-NEXT: {{[0-9.]+}} ({{.*}}%)  tinyml-plan-memory
// TIME-NEXT: {{[0-9.]+}} ({{.*}}%)  (verify)
// TIME-NEXT: {{[0-9.]+}} (100.0%)  Total
