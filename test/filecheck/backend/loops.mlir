// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// A loop's carried value is one variable, which is also its result.
func.func @sum(%x: memref<8xi32> {llvm.readonly}, %out: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i32
  %total = scf.for %i = %c0 to %c8 step %c2 iter_args(%acc = %zero) -> (i32) {
    %element = memref.load %x[%i] : memref<8xi32>
    %next = arith.addi %acc, %element overflow<nsw> : i32
    scf.yield %next : i32
  }
  memref.store %total, %out[%c0] : memref<1xi32>
  func.return
}
// CHECK:      void sum(const int32_t *x, int32_t *out) {
// CHECK-NEXT:   int32_t total = 0;
// CHECK-NEXT:   for (int32_t i = 0; i < 8; i += 2) {
// CHECK-NEXT:     const int32_t element = x[i];
// CHECK-NEXT:     total = total + element;
// CHECK-NEXT:   }
// CHECK-NEXT:   out[0] = total;
// CHECK-NEXT: }

// Bounds that only run time knows; a nest carries its value inwards and out again.
func.func @nest(%n: index, %low: index, %out: memref<1xindex>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %total = scf.for %i = %low to %n step %c1 iter_args(%acc = %c0) -> (index) {
    %inner = scf.for %j = %c0 to %i step %c1 iter_args(%acc_in = %acc) -> (index) {
      %next = arith.addi %acc_in, %j : index
      scf.yield %next : index
    }
    scf.yield %inner : index
  }
  memref.store %total, %out[%c0] : memref<1xindex>
  func.return
}
// CHECK-LABEL: void nest(
// CHECK:        int32_t total = 0;
// CHECK-NEXT:   for (int32_t i = low; i < n; i += 1) {
// CHECK-NEXT:     int32_t inner = total;
// CHECK-NEXT:     for (int32_t j = 0; j < i; j += 1) {
// CHECK-NEXT:       inner = inner + j;
// CHECK-NEXT:     }
// CHECK-NEXT:     total = inner;
// CHECK-NEXT:   }

// Two values that swap: both are read before one is written. The names of the
// temporaries are as unique as any.
func.func @fibonacci(%n: index, %next_a: i32, %out: memref<2xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %a, %b, %same = scf.for %i = %c0 to %n step %c1 iter_args(%p = %next_a, %q = %one, %r = %one) -> (i32, i32, i32) {
    %s = arith.addi %p, %q : i32
    scf.yield %q, %s, %r : i32, i32, i32
  }
  memref.store %a, %out[%c0] : memref<2xi32>
  memref.store %b, %out[%c1] : memref<2xi32>
  memref.store %same, %out[%c1] : memref<2xi32>
  func.return
}
// CHECK-LABEL: void fibonacci(
// CHECK:        int32_t a = next_a;
// CHECK-NEXT:   int32_t b = 1;
// CHECK-NEXT:   int32_t same = 1;
// CHECK-NEXT:   for (int32_t i = 0; i < n; i += 1) {
// CHECK-NEXT:     int32_t next_a_1 = b;
// CHECK-NEXT:     int32_t next_b = (int32_t)((uint32_t)a + (uint32_t)b);
// CHECK-NEXT:     a = next_a_1;
// CHECK-NEXT:     b = next_b;
// CHECK-NEXT:   }
