// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP
// RUN: xdsl-opt %s | filecheck %s

func.func @multiply(%a: i32, %b: i32, %c: i32, %d: i64) {
  %0 = acle.smlad %a, %b, %c
  // CHECK: %0 = acle.smlad %a, %b, %c
  // CHECK-GENERIC: %0 = "acle.smlad"(%a, %b, %c) : (i32, i32, i32) -> i32
  %1 = acle.smladx %a, %b, %c
  // CHECK-NEXT: %1 = acle.smladx %a, %b, %c
  %2 = acle.smlabb %a, %b, %c
  // CHECK-NEXT: %2 = acle.smlabb %a, %b, %c
  %3 = acle.smlabt %a, %b, %c
  // CHECK-NEXT: %3 = acle.smlabt %a, %b, %c
  %4 = acle.smlatb %a, %b, %c
  // CHECK-NEXT: %4 = acle.smlatb %a, %b, %c
  %5 = acle.smlatt %a, %b, %c
  // CHECK-NEXT: %5 = acle.smlatt %a, %b, %c
  %6 = acle.smuad %a, %b
  // CHECK-NEXT: %6 = acle.smuad %a, %b
  // CHECK-GENERIC: %6 = "acle.smuad"(%a, %b) : (i32, i32) -> i32
  %7 = acle.smulbb %a, %b
  // CHECK-NEXT: %7 = acle.smulbb %a, %b
  %8 = acle.smulbt %a, %b
  // CHECK-NEXT: %8 = acle.smulbt %a, %b
  %9 = acle.smultb %a, %b
  // CHECK-NEXT: %9 = acle.smultb %a, %b
  %10 = acle.smultt %a, %b
  // CHECK-NEXT: %10 = acle.smultt %a, %b
  %11 = acle.smmul %a, %b
  // CHECK-NEXT: %11 = acle.smmul %a, %b
  %12 = acle.smmulr %a, %b
  // CHECK-NEXT: %12 = acle.smmulr %a, %b
  %13 = acle.smmla %a, %b, %c
  // CHECK-NEXT: %13 = acle.smmla %a, %b, %c
  %14 = acle.smmlar %a, %b, %c
  // CHECK-NEXT: %14 = acle.smmlar %a, %b, %c

  // Two words of accumulator.
  %15 = acle.smlald %a, %b, %d
  // CHECK-NEXT: %15 = acle.smlald %a, %b, %d
  // CHECK-GENERIC: %15 = "acle.smlald"(%a, %b, %d) : (i32, i32, i64) -> i64
  %16 = acle.smlal %a, %b, %d {tinyml.key}
  // CHECK-NEXT: %16 = acle.smlal %a, %b, %d {tinyml.key}
  func.return
}

func.func @lanes(%a: i32, %b: i32) {
  // No rotation and no shift are not printed.
  %0 = acle.sxtb16 %a
  // CHECK: %0 = acle.sxtb16 %a
  // CHECK-GENERIC: %0 = "acle.sxtb16"(%a) <{ror = 0 : i32}> : (i32) -> i32
  %1 = acle.sxtb16 %a ror 8
  // CHECK-NEXT: %1 = acle.sxtb16 %a ror 8
  %2 = acle.uxtb16 %a ror 24
  // CHECK-NEXT: %2 = acle.uxtb16 %a ror 24
  %3 = acle.sxtab16 %a, %b
  // CHECK-NEXT: %3 = acle.sxtab16 %a, %b
  %4 = acle.sxtab16 %a, %b ror 16
  // CHECK-NEXT: %4 = acle.sxtab16 %a, %b ror 16
  // CHECK-GENERIC: %4 = "acle.sxtab16"(%a, %b) <{ror = 16 : i32}> : (i32, i32) -> i32
  %5 = acle.pkhbt %a, %b
  // CHECK-NEXT: %5 = acle.pkhbt %a, %b
  %6 = acle.pkhbt %a, %b lsl 31
  // CHECK-NEXT: %6 = acle.pkhbt %a, %b lsl 31
  // CHECK-GENERIC: %6 = "acle.pkhbt"(%a, %b) <{lsl = 31 : i32}> : (i32, i32) -> i32
  %7 = acle.pkhtb %a, %b asr 32
  // CHECK-NEXT: %7 = acle.pkhtb %a, %b asr 32
  // CHECK-GENERIC: %7 = "acle.pkhtb"(%a, %b) <{asr = 32 : i32}> : (i32, i32) -> i32
  %8 = acle.ssat %a bits 32
  // CHECK-NEXT: %8 = acle.ssat %a bits 32
  // CHECK-GENERIC: %8 = "acle.ssat"(%a) <{bits = 32 : i32}> : (i32) -> i32
  %9 = acle.ssat %a asr 31 bits 1
  // CHECK-NEXT: %9 = acle.ssat %a asr 31 bits 1
  %10 = acle.usat %a lsl 4 bits 0 {tinyml.key}
  // CHECK-NEXT: %10 = acle.usat %a lsl 4 bits 0 {tinyml.key}
  // CHECK-GENERIC: %10 = "acle.usat"(%a) <{lsl = 4 : i32, bits = 0 : i32}> {tinyml.key} : (i32) -> i32
  %11 = acle.ssat16 %a bits 16
  // CHECK-NEXT: %11 = acle.ssat16 %a bits 16
  %12 = acle.usat16 %a bits 15
  // CHECK-NEXT: %12 = acle.usat16 %a bits 15
  %13 = acle.sadd16 %a, %b
  // CHECK-NEXT: %13 = acle.sadd16 %a, %b
  // CHECK-GENERIC: %13 = "acle.sadd16"(%a, %b) : (i32, i32) -> i32
  %14 = acle.ssub16 %a, %b
  // CHECK-NEXT: %14 = acle.ssub16 %a, %b
  %15 = acle.uadd8 %a, %b
  // CHECK-NEXT: %15 = acle.uadd8 %a, %b
  // CHECK-GENERIC: %15 = "acle.uadd8"(%a, %b) : (i32, i32) -> i32
  %16 = acle.uqsub8 %a, %b
  // CHECK-NEXT: %16 = acle.uqsub8 %a, %b
  func.return
}

func.func @memory(%x: memref<64xi8>, %row: memref<?xi8, strided<[1], offset: ?>>, %i: index) {
  %0 = acle.load_word %x[%i] : memref<64xi8>
  // CHECK: %0 = acle.load_word %x[%i] : memref<64xi8>
  // CHECK-GENERIC: %0 = "acle.load_word"(%x, %i) : (memref<64xi8>, index) -> i32
  %1 = acle.load_half %row[%i] aligned : memref<?xi8, strided<[1], offset: ?>>
  // CHECK-NEXT: %1 = acle.load_half %row[%i] aligned : memref<?xi8, strided<[1], offset: ?>>
  acle.store_word %0, %x[%i] aligned : memref<64xi8>
  // CHECK-NEXT: acle.store_word %0, %x[%i] aligned : memref<64xi8>
  // CHECK-GENERIC: "acle.store_word"(%0, %x, %i) <{aligned}> : (i32, memref<64xi8>, index) -> ()
  func.return
}
