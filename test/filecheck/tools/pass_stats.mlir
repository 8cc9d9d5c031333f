// RUN: tinyml-opt %s -p tinyml-fold-reshape,tinyml-plan-memory --pass-stats 2>&1 >/dev/null | filecheck %s
// RUN: tinyml-opt %s -p tinyml-fold-reshape --pass-stats=json --pass-stats-file %t.json >/dev/null
// RUN: filecheck %s --check-prefix=JSON < %t.json

func.func @network(%x: memref<2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<2x2xi8>
  tinyml.transpose ins(%x : memref<2x2xi8>) outs(%a : memref<2x2xi8>) permutation [1, 0]
  tinyml.reshape ins(%a : memref<2x2xi8>) outs(%y : memref<4xi8>)
  func.return
}

// The reshape and its buffer become a view.
// CHECK:      seconds  ops  new  gone  changed  arena  macs  cycles  pass
// CHECK-NEXT: {{[0-9.]+}}  5  1  2  1  -  0  -  tinyml-fold-reshape
// CHECK-NEXT: {{[0-9.]+}}  5  0  0  1  8  0  -  tinyml-plan-memory

// JSON:      "name": "tinyml-fold-reshape",
// JSON:      "before": {
// JSON-NEXT:   "builtin": 1,
// JSON-NEXT:   "func": 2,
// JSON-NEXT:   "tinyml": 3
// JSON:      "added": 1,
// JSON-NEXT: "removed": 2,
