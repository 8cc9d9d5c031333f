// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

func.func @literals(%bytes: memref<8xi8>, %words: memref<8xi32>, %longs: memref<8xi64>, %floats: memref<8xf32>) {
  %c0 = arith.constant 0 : index

  %0 = arith.constant -128 : i8
  memref.store %0, %bytes[%c0] : memref<8xi8>
  // CHECK:      bytes[0] = -128;

  // -2147483648 is the negation of a number that is no int.
  %1 = arith.constant -2147483648 : i32
  memref.store %1, %words[%c0] : memref<8xi32>
  // CHECK-NEXT: words[0] = INT32_MIN;
  %2 = arith.constant 2147483647 : i32
  memref.store %2, %words[%c0] : memref<8xi32>
  // CHECK-NEXT: words[0] = 2147483647;
  // Signless, this is -1.
  %3 = arith.constant 4294967295 : i32
  memref.store %3, %words[%c0] : memref<8xi32>
  // CHECK-NEXT: words[0] = -1;

  %4 = arith.constant -1 : i64
  memref.store %4, %longs[%c0] : memref<8xi64>
  // CHECK-NEXT: longs[0] = INT64_C(-1);
  %5 = arith.constant -9223372036854775808 : i64
  memref.store %5, %longs[%c0] : memref<8xi64>
  // CHECK-NEXT: longs[0] = INT64_MIN;
  %6 = arith.constant 9223372036854775807 : i64
  memref.store %6, %longs[%c0] : memref<8xi64>
  // CHECK-NEXT: longs[0] = INT64_C(9223372036854775807);

  // Floats are single precision, with as many digits as it takes.
  %7 = arith.constant 1.0 : f32
  memref.store %7, %floats[%c0] : memref<8xf32>
  // CHECK-NEXT: floats[0] = 1.0f;
  %8 = arith.constant -0.0 : f32
  memref.store %8, %floats[%c0] : memref<8xf32>
  // CHECK-NEXT: floats[0] = -0.0f;
  %9 = arith.constant 1.0e+20 : f32
  memref.store %9, %floats[%c0] : memref<8xf32>
  // CHECK-NEXT: floats[0] = 1e+20f;
  %10 = arith.constant 0.00392156886 : f32
  memref.store %10, %floats[%c0] : memref<8xf32>
  // CHECK-NEXT: floats[0] = 0.003921569f;
  func.return
}
