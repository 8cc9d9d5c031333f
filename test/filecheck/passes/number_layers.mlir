// RUN: tinyml-opt %s -p tinyml-number-layers | filecheck %s
// RUN: tinyml-opt %s -p tinyml-number-layers,tinyml-fold-reshape | filecheck %s --check-prefix=FOLDED

// Layers keep their number when others go.
func.func @main(%x: memref<2x3xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<6xi8>
  tinyml.reshape ins(%x : memref<2x3xi8>) outs(%a : memref<6xi8>)
  tinyml.maximum ins(%a, %a : memref<6xi8>, memref<6xi8>) outs(%y : memref<6xi8>) {tinyml.position = 7 : i64}
  func.return
}
// CHECK:      tinyml.reshape {{.*}} {tinyml.position = 0 : i64}
// CHECK-NEXT: tinyml.maximum {{.*}} {tinyml.position = 1 : i64}

// FOLDED-NOT:  tinyml.reshape
// FOLDED:      tinyml.maximum {{.*}} {tinyml.position = 1 : i64}
