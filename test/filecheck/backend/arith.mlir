// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// Signed overflow is undefined in C. What may wrap goes through unsigned types, what
// cannot (`nsw`) does not.
func.func @overflow(%a: i32, %b: i32, %bytes: memref<2xi8>, %x: i8, %y: i8, %out: memref<6xi32>, %i: index, %j: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index

  %sum = arith.addi %a, %b overflow<nsw> : i32
  memref.store %sum, %out[%c0] : memref<6xi32>
  // CHECK:      out[0] = a + b;
  %wrapped = arith.addi %a, %b : i32
  memref.store %wrapped, %out[%c1] : memref<6xi32>
  // CHECK-NEXT: out[1] = (int32_t)((uint32_t)a + (uint32_t)b);
  %difference = arith.subi %a, %b : i32
  memref.store %difference, %out[%c2] : memref<6xi32>
  // CHECK-NEXT: out[2] = (int32_t)((uint32_t)a - (uint32_t)b);
  %product = arith.muli %a, %b : i32
  memref.store %product, %out[%c3] : memref<6xi32>
  // CHECK-NEXT: out[3] = (int32_t)((uint32_t)a * (uint32_t)b);

  // C shifts no negative number left, whether or not bits are lost.
  %left = arith.shli %a, %b overflow<nsw> : i32
  memref.store %left, %out[%c4] : memref<6xi32>
  // CHECK-NEXT: out[4] = (int32_t)((uint32_t)a << b);

  // C computes bytes as int; a wrapped one is cut back to its width.
  %byte = arith.addi %x, %y : i8
  memref.store %byte, %bytes[%c0] : memref<2xi8>
  // CHECK-NEXT: bytes[0] = (int8_t)((uint8_t)x + (uint8_t)y);

  // An index never overflows: buffers are smaller than 2^31 bytes.
  %k = arith.addi %i, %j : index
  memref.store %x, %bytes[%k] : memref<2xi8>
  // CHECK-NEXT: bytes[(i + j)] = x;
  func.return
}

// Parentheses are where C needs them, where compilers warn of their lack.
func.func @precedence(%a: i32, %b: i32, %c: i32, %out: memref<12xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %m5 = arith.constant -5 : i32

  // CHECK-LABEL: void precedence(
  %0 = arith.addi %a, %b overflow<nsw> : i32
  %1 = arith.muli %0, %c overflow<nsw> : i32
  memref.store %1, %out[%c0] : memref<12xi32>
  // CHECK-NEXT: out[0] = (a + b) * c;
  %2 = arith.muli %a, %b overflow<nsw> : i32
  %3 = arith.subi %c, %2 overflow<nsw> : i32
  memref.store %3, %out[%c1] : memref<12xi32>
  // CHECK-NEXT: out[1] = c - a * b;
  %4 = arith.subi %b, %c overflow<nsw> : i32
  %5 = arith.subi %a, %4 overflow<nsw> : i32
  memref.store %5, %out[%c2] : memref<12xi32>
  // CHECK-NEXT: out[2] = a - (b - c);
  %6 = arith.muli %b, %c overflow<nsw> : i32
  %7 = arith.divsi %6, %a : i32
  %8 = arith.muli %b, %7 overflow<nsw> : i32
  memref.store %8, %out[%c3] : memref<12xi32>
  // CHECK-NEXT: out[3] = b * ((b * c) / a);

  // A negative number in a sum.
  %9 = arith.addi %a, %m5 overflow<nsw> : i32
  memref.store %9, %out[%c4] : memref<12xi32>
  // CHECK-NEXT: out[4] = a - 5;
  %10 = arith.subi %a, %m5 overflow<nsw> : i32
  memref.store %10, %out[%c5] : memref<12xi32>
  // CHECK-NEXT: out[5] = a - -5;

  %11 = arith.shrsi %a, %b : i32
  %12 = arith.andi %11, %c : i32
  memref.store %12, %out[%c6] : memref<12xi32>
  // CHECK-NEXT: out[6] = (a >> b) & c;
  %13 = arith.cmpi slt, %a, %b : i32
  %14 = arith.select %13, %a, %c : i32
  %15 = arith.remsi %14, %b : i32
  memref.store %15, %out[%c7] : memref<12xi32>
  // CHECK-NEXT: out[7] = ((a < b) ? a : c) % b;

  // Its operands stand twice in a maximum, so they are not spelled inside of it.
  %16 = arith.xori %a, %b : i32
  %17 = arith.maxsi %16, %c : i32
  memref.store %17, %out[%c8] : memref<12xi32>
  // CHECK-NEXT: const int32_t v = a ^ b;
  // CHECK-NEXT: out[8] = v > c ? v : c;

  // A long expression gets a name, and so does one that is used twice.
  %18 = arith.muli %a, %b overflow<nsw> : i32
  %19 = arith.addi %18, %18 overflow<nsw> : i32
  memref.store %19, %out[%c9] : memref<12xi32>
  // CHECK-NEXT: const int32_t v_1 = a * b;
  // CHECK-NEXT: out[9] = v_1 + v_1;
  func.return
}

func.func @conversions(%byte: i8, %a: i32, %i: index, %x: f32, %out: memref<6xi32>, %real: memref<1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c31 = arith.constant 31 : i64

  // CHECK-LABEL: void conversions(
  %0 = arith.extsi %byte : i8 to i32
  memref.store %0, %out[%c0] : memref<6xi32>
  // CHECK:      out[0] = (int32_t)byte;
  // Buffers of unsigned bytes are signless as well; only this tells.
  %1 = arith.extui %byte : i8 to i32
  memref.store %1, %out[%c1] : memref<6xi32>
  // CHECK-NEXT: out[1] = (int32_t)(uint8_t)byte;
  %2 = arith.extsi %a : i32 to i64
  %3 = arith.muli %2, %2 overflow<nsw> : i64
  %4 = arith.shrsi %3, %c31 : i64
  %5 = arith.trunci %4 : i64 to i32
  memref.store %5, %out[%c2] : memref<6xi32>
  // CHECK-NEXT: const int64_t v = (int64_t)a;
  // CHECK-NEXT: out[2] = (int32_t)((v * v) >> INT64_C(31));
  %6 = arith.index_cast %i : index to i32
  memref.store %6, %out[%c3] : memref<6xi32>
  // CHECK-NEXT: out[3] = (int32_t)i;
  %7 = arith.fptosi %x : f32 to i32
  memref.store %7, %out[%c4] : memref<6xi32>
  // CHECK-NEXT: out[4] = (int32_t)x;
  %8 = arith.sitofp %a : i32 to f32
  %9 = arith.divf %8, %x : f32
  memref.store %9, %real[%c0] : memref<1xf32>
  // CHECK-NEXT: real[0] = (float)a / x;
  func.return
}

// An i1 is 0 or 1.
func.func @truth(%a: i32, %b: i32, %x: f32, %y: f32, %out: memref<2xi32>) {
  %c0 = arith.constant 0 : index
  %true = arith.constant true
  %false = arith.constant false
  // CHECK-LABEL: void truth(
  %0 = arith.cmpi sge, %a, %b : i32
  %1 = arith.xori %0, %true : i1
  %2 = arith.cmpf olt, %x, %y : f32
  %3 = arith.andi %1, %2 : i1
  %4 = arith.ori %3, %false : i1
  %5 = arith.extui %4 : i1 to i32
  memref.store %5, %out[%c0] : memref<2xi32>
  // CHECK:      out[0] = (int32_t)((((a >= b) ^ 1) & (x < y)) | 0);
  func.return
}
