// RUN: tinyml-opt %s -p tinyml-plan-memory | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=greedy alignment=16}' | filecheck %s --check-prefix=ALIGNED
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=separate}' | filecheck %s --check-prefix=SEPARATE
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=separate alignment=1}' | filecheck %s --check-prefix=PACKED
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=separate},tinyml-plan-memory' | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=greedy},tinyml-annotate-memory' | filecheck %s --check-prefix=PEAK

// Five tensors of six bytes in a chain: two live at a time.
func.func @main(%x: memref<6xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<2x3xi8>
  %b = tinyml.alloc : memref<6xi8>
  %c = tinyml.alloc at 100 : memref<2x3xi8>
  tinyml.reshape ins(%x : memref<6xi8>) outs(%a : memref<2x3xi8>)
  tinyml.reshape ins(%a : memref<2x3xi8>) outs(%b : memref<6xi8>)
  tinyml.reshape ins(%b : memref<6xi8>) outs(%c : memref<2x3xi8>)
  tinyml.reshape ins(%c : memref<2x3xi8>) outs(%y : memref<6xi8>)
  func.return
}

// Every second tensor has the same place; an old plan does not matter. The arena ends
// with its last byte, not with a multiple of the alignment.
// CHECK:      func.func @main(%x: memref<6xi8> {tinyml.input = #tinyml.tensor<"x">, tinyml.at = 0 : i64}
// CHECK-SAME:   %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">, tinyml.at = 0 : i64}
// CHECK-SAME:   attributes {tinyml.arena_bytes = 14 : i64, tinyml.lower_bound = 12 : i64}
// CHECK-NEXT: %a = tinyml.alloc at 8 :
// CHECK-NEXT: %b = tinyml.alloc at 0 :
// CHECK-NEXT: %c = tinyml.alloc at 8 :

// ALIGNED:      attributes {tinyml.arena_bytes = 22 : i64, tinyml.lower_bound = 12 : i64}
// ALIGNED-NEXT: %a = tinyml.alloc at 16 :
// ALIGNED-NEXT: %b = tinyml.alloc at 0 :
// ALIGNED-NEXT: %c = tinyml.alloc at 16 :

// Nothing shares, so that all tensors are there when the network has run.
// SEPARATE:      %x: {{.*}} tinyml.at = 0 : i64}, %y: {{.*}} tinyml.at = 8 : i64})
// SEPARATE-SAME:   attributes {tinyml.arena_bytes = 38 : i64, tinyml.lower_bound = 38 : i64}
// SEPARATE-NEXT: %a = tinyml.alloc at 16 :
// SEPARATE-NEXT: %b = tinyml.alloc at 24 :
// SEPARATE-NEXT: %c = tinyml.alloc at 32 :

// PACKED:      attributes {tinyml.arena_bytes = 30 : i64, tinyml.lower_bound = 30 : i64}
// PACKED-NEXT: %a = tinyml.alloc at 12 :
// PACKED-NEXT: %b = tinyml.alloc at 18 :
// PACKED-NEXT: %c = tinyml.alloc at 24 :

// The plan needs no more than lives at a time, but for alignment.
// PEAK: tinyml.arena_bytes = 14 : i64, tinyml.lower_bound = 12 : i64, tinyml.peak_bytes = 12 : i64
