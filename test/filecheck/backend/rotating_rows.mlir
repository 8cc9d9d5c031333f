// RUN: tinyml-opt %s -p tinyml-mark-readonly -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// A streamed convolution keeps three rows in a ring; each turn drops the oldest one. What
// rotates are pointers, and all are read before one is written.
!row = memref<34x16xi8, strided<[16, 1], offset: ?>>
func.func private @conv(%r0: !row, %r1: !row, %r2: !row, %o: !row) {
  %c0 = arith.constant 0 : index
  %a = memref.load %r0[%c0, %c0] : !row
  memref.store %a, %o[%c0, %c0] : !row
  func.return
}
func.func private @fill(%n: index, %r: !row) {
  func.return
}
func.func @stream(%arena: memref<33328xi8>, %zp: !row, %out: memref<32x34x16xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c31 = arith.constant 31 : index
  %ring = memref.view %arena[%c0][] : memref<33328xi8> to memref<3x34x16xi8>
  %s0 = memref.subview %ring[%c0, 0, 0] [1, 34, 16] [1, 1, 1] : memref<3x34x16xi8> to !row
  %s1 = memref.subview %ring[%c1, 0, 0][1, 34, 16][1, 1, 1] : memref<3x34x16xi8> to !row
  %s2 = memref.subview %ring[%c2, 0, 0][1, 34, 16][1, 1, 1] : memref<3x34x16xi8> to !row
  %o0 = memref.subview %out[%c0, 0, 0] [1, 34, 16] [1, 1, 1] : memref<32x34x16xi8> to !row
  func.call @conv(%zp, %s0, %s1, %o0) : (!row, !row, !row, !row) -> ()
  %a, %b, %c = scf.for %y = %c1 to %c31 step %c1
      iter_args(%r0 = %s0, %r1 = %s1, %r2 = %s2) -> (!row, !row, !row) {
    %n = arith.addi %y, %c1 : index
    func.call @fill(%n, %r2) : (index, !row) -> ()
    %o = memref.subview %out[%y, 0, 0][1, 34, 16][1, 1, 1] : memref<32x34x16xi8> to !row
    func.call @conv(%r0, %r1, %r2, %o) : (!row, !row, !row, !row) -> ()
    scf.yield %r1, %r2, %r0 : !row, !row, !row
  }
  %o31 = memref.subview %out[%c31, 0, 0][1, 34, 16][1, 1, 1] : memref<32x34x16xi8> to !row
  func.call @conv(%a, %b, %zp, %o31) : (!row, !row, !row, !row) -> ()
  func.return
}

// CHECK:      void stream(int8_t *arena, const int8_t *zp, int8_t *out) {
// CHECK-NEXT:   int8_t *ring = arena;
// CHECK-NEXT:   int8_t *s1 = ring + 544;
// CHECK-NEXT:   int8_t *s2 = ring + 1088;
// CHECK-NEXT:   conv(zp, ring, s1, out);
// CHECK-NEXT:   int8_t *a = ring;
// CHECK-NEXT:   int8_t *b = s1;
// CHECK-NEXT:   int8_t *c = s2;
// CHECK-NEXT:   for (int32_t y = 1; y < 31; y += 1) {
// CHECK-NEXT:     fill(y + 1, c);
// CHECK-NEXT:     int8_t *o = out + y * 544;
// CHECK-NEXT:     conv(a, b, c, o);
// CHECK-NEXT:     int8_t *next_a = b;
// CHECK-NEXT:     int8_t *next_b = c;
// CHECK-NEXT:     int8_t *next_c = a;
// CHECK-NEXT:     a = next_a;
// CHECK-NEXT:     b = next_b;
// CHECK-NEXT:     c = next_c;
// CHECK-NEXT:   }
// CHECK-NEXT:   int8_t *o31 = out + 16864;
// CHECK-NEXT:   conv(a, b, zp, o31);
// CHECK-NEXT: }

// One constant among the rows makes all of them pointers to const: each turn hands it on.
func.func @taps(%first: !row {llvm.readonly}, %x: !row, %y: !row) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a, %b = scf.for %i = %c0 to %c2 step %c1 iter_args(%r0 = %x, %r1 = %first) -> (!row, !row) {
    %v = memref.load %r0[%i, %c0] : !row
    memref.store %v, %y[%i, %c0] : !row
    scf.yield %r1, %r0 : !row, !row
  }
  func.call @conv(%a, %b, %x, %y) : (!row, !row, !row, !row) -> ()
  func.return
}
// CHECK:      void taps(const int8_t *first, int8_t *x, int8_t *y) {
// CHECK-NEXT:   const int8_t *a = x;
// CHECK-NEXT:   const int8_t *b = first;
// CHECK:          const int8_t *next_a = b;
// CHECK-NEXT:     const int8_t *next_b = a;
// CHECK-NEXT:     a = next_a;
// CHECK-NEXT:     b = next_b;
