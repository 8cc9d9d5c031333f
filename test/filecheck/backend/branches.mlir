// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

func.func private @hook(i32) attributes {tinyml.hook}

func.func @branches(%a: i32, %b: i32, %out: memref<2xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %greater = arith.cmpi sgt, %a, %b : i32
  // Without results and without an else.
  scf.if %greater {
    func.call @hook(%a) : (i32) -> ()
  }
  // With results: variables that both sides assign.
  %high, %low = scf.if %greater -> (i32, i32) {
    scf.yield %a, %b : i32, i32
  } else {
    %twice = arith.addi %a, %a overflow<nsw> : i32
    scf.yield %b, %twice : i32, i32
  }
  memref.store %high, %out[%c0] : memref<2xi32>
  memref.store %low, %out[%c1] : memref<2xi32>
  func.return
}
// CHECK:      void branches(int32_t a, int32_t b, int32_t *out) {
// CHECK-NEXT:   const int32_t greater = a > b;
// CHECK-NEXT:   if (greater) {
// CHECK-NEXT:     hook(a);
// CHECK-NEXT:   }
// CHECK-NEXT:   int32_t high;
// CHECK-NEXT:   int32_t low;
// CHECK-NEXT:   if (greater) {
// CHECK-NEXT:     high = a;
// CHECK-NEXT:     low = b;
// CHECK-NEXT:   } else {
// CHECK-NEXT:     high = b;
// CHECK-NEXT:     low = a + a;
// CHECK-NEXT:   }
// CHECK-NEXT:   out[0] = high;
// CHECK-NEXT:   out[1] = low;
// CHECK-NEXT: }

// A branch inside of a loop that carries what it chooses.
func.func @largest(%x: memref<8xi32> {llvm.readonly}, %out: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %least = arith.constant -2147483648 : i32
  %top = scf.for %i = %c0 to %c8 step %c1 iter_args(%best = %least) -> (i32) {
    %element = memref.load %x[%i] : memref<8xi32>
    %better = arith.cmpi sgt, %element, %best : i32
    %chosen = scf.if %better -> (i32) {
      scf.yield %element : i32
    } else {
      scf.yield %best : i32
    }
    scf.yield %chosen : i32
  }
  memref.store %top, %out[%c0] : memref<1xi32>
  func.return
}
// CHECK-LABEL: void largest(
// CHECK:          int32_t chosen;
// CHECK-NEXT:     if (element > top) {
// CHECK-NEXT:       chosen = element;
// CHECK-NEXT:     } else {
// CHECK-NEXT:       chosen = top;
// CHECK-NEXT:     }
// CHECK-NEXT:     top = chosen;
