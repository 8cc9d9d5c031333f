// RUN: tinyml-opt %s -p tinyml-plan-memory,tinyml-annotate-memory | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=separate}' | filecheck %s --check-prefix=SEPARATE
// RUN: tinyml-opt %s -p @reference | filecheck %s --check-prefix=CALLS
// RUN: tinyml-opt %s -p @reference -t tinyml-c | filecheck %s --check-prefix=C

// %v, a view of %a, is written; %w, a view of that view, is read twice. The output is
// written through a view, too.
func.func @main(%x: memref<2x3xui8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<6xi8>
  %v = memref.reinterpret_cast %a to offset: [0], sizes: [2, 3], strides: [3, 1] : memref<6xi8> to memref<2x3xi8>
  %w = memref.reinterpret_cast %v to offset: [0], sizes: [3, 2], strides: [2, 1] : memref<2x3xi8> to memref<3x2xi8>
  tinyml.requantize ins(%x : memref<2x3xui8>) outs(%v : memref<2x3xi8>) requant <1073741824, 1> zero_points [128, 0] rounding double
  %b = tinyml.alloc : memref<3x2xi8>
  %z = memref.reinterpret_cast %y to offset: [0], sizes: [3, 2], strides: [2, 1] : memref<6xi8> to memref<3x2xi8>
  tinyml.maximum ins(%w, %w : memref<3x2xi8>, memref<3x2xi8>) outs(%b : memref<3x2xi8>)
  tinyml.maximum ins(%w, %b : memref<3x2xi8>, memref<3x2xi8>) outs(%z : memref<3x2xi8>)
  func.return
}

// A buffer is where its views are, and lives while they are used.
// CHECK:      %a = tinyml.alloc at [[A:[0-9]+]] {tinyml.live = array<i64: 0, 2>} : memref<6xi8>
// CHECK-NEXT: %v = memref.reinterpret_cast %a
// CHECK-NEXT: %w = memref.reinterpret_cast %v
// CHECK-NEXT: tinyml.requantize {{.*}} {tinyml.live_bytes = 12 : i64}
// CHECK-NEXT: %b = tinyml.alloc at {{[0-9]+}} {tinyml.live = array<i64: 1, 2>}
// CHECK-NEXT: %z = memref.reinterpret_cast %y
// CHECK-NEXT: tinyml.maximum {{.*}} {tinyml.live_bytes = 12 : i64}
// CHECK-NEXT: tinyml.maximum {{.*}} {tinyml.live_bytes = 18 : i64}

// SEPARATE: tinyml.arena_bytes = 30 : i64

// CALLS:      %v = memref.reinterpret_cast %a
// CALLS:      func.call @layer_00_requantize(%x, %v)
// CALLS:      func.call @layer_01_maximum(%w, %b, %z)

// In C a view is the pointer that it views. Both layers have one kernel.
// C:      layer_00_requantize(x, a);
// C:      layer_01_maximum(a, a, b);
// C:      layer_01_maximum(a, b, y);
