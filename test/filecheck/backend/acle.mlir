// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// Each form of an instruction that is used is a function: the instruction itself on a
// core that has it, what it computes elsewhere.
// CHECK:      #ifndef TINYML_SMLAD
// CHECK-NEXT: TINYML_INSTRUCTION int32_t tinyml_smlad(int32_t a, int32_t b, int32_t c) {
// CHECK-NEXT: #ifdef TINYML_HAS_INSTRUCTIONS
// CHECK-NEXT:   int32_t r;
// CHECK-NEXT:   __asm__("smlad %0, %1, %2, %3" : "=r"(r) : "r"(a), "r"(b), "r"(c));
// CHECK-NEXT:   return r;
// CHECK-NEXT: #else
// CHECK-NEXT:   return (int32_t)((uint32_t)c +
// CHECK-NEXT:       (uint32_t)((int16_t)a * (int16_t)b) +
// CHECK-NEXT:       (uint32_t)((a >> 16) * (b >> 16)));
// CHECK-NEXT: #endif
// CHECK-NEXT: }
// CHECK-NEXT: #define TINYML_SMLAD tinyml_smlad
// CHECK-NEXT: #endif
// CHECK-NOT:  #ifndef TINYML_SMLAD
// CHECK:        __builtin_memcpy(p, &a, 4);
// CHECK:      #ifndef TINYML_SXTB16_ROR8
// CHECK:        __asm__("sxtb16 %0, %1, ror #8" : "=r"(r) : "r"(a));
// CHECK:      #ifndef TINYML_SSAT_BITS8_ASR4
// CHECK:        __asm__("ssat %0, #8, %1, asr #4" : "=r"(r) : "r"(a));
// CHECK:        const int32_t x = a >> 4;
// CHECK-NEXT:   return x < -128 ? -128 : x > 127 ? 127 : x;
// Accumulators of 64 bits are pairs of registers.
// CHECK:        __asm__("smlal %Q0, %R0, %1, %2" : "+r"(c) : "r"(a), "r"(b));
// CHECK:        __builtin_memcpy(__builtin_assume_aligned(p, 4), &a, 4);

func.func @instructions(%x: memref<64xi8> {llvm.readonly}, %y: memref<64xi8>, %i: index) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %three = arith.constant 3 : i32
  %a = acle.load_word %x[%i] : memref<64xi8>
  // CHECK:      const int32_t a = TINYML_LOAD_WORD(x + i);
  %b = acle.load_word %x[%c4] aligned : memref<64xi8>
  // CHECK-NEXT: const int32_t b = TINYML_LOAD_WORD_ALIGNED(x + 4);
  // What is used once is spelled there, constants are operands like others.
  %r = acle.smlad %a, %b, %three
  acle.store_word %r, %y[%c0] : memref<64xi8>
  // CHECK-NEXT: TINYML_STORE_WORD(y, TINYML_SMLAD(a, b, 3));
  %p = acle.sxtb16 %a ror 8
  %q = acle.smlad %p, %b, %a
  %s = acle.ssat %q asr 4 bits 8
  %n = arith.addi %s, %a overflow<nsw> : i32
  %big = arith.extsi %n : i32 to i64
  %l = acle.smlal %a, %b, %big
  %t = arith.trunci %l : i64 to i32
  acle.store_word %t, %y[%i] aligned : memref<64xi8>
  // CHECK-NEXT: const int32_t s = TINYML_SSAT_BITS8_ASR4(TINYML_SMLAD(TINYML_SXTB16_ROR8(a), b, a));
  // CHECK-NEXT: TINYML_STORE_WORD_ALIGNED(y + i, (int32_t)TINYML_SMLAL(a, b, (int64_t)(s + a)));
  func.return
}
