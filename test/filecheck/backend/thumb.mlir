// RUN: tinyml-opt %s -p tinyml-thumb-allocate -t tinyml-c | filecheck %s
// RUN: tinyml-opt %s -t tinyml-c --verify-diagnostics | filecheck %s --check-prefix=EARLY

// CHECK:      TINYML_NAKED void sums(
// CHECK-NEXT:     const int8_t *a0 __attribute__((unused)),
// CHECK-NEXT:     const int32_t *a1 __attribute__((unused)),
// CHECK-NEXT:     int32_t a2 __attribute__((unused))) {
// CHECK-NEXT:   __asm__ volatile(
// CHECK-NEXT:       ".syntax unified\n"
// CHECK-NEXT:       "push {r4, lr}\n"
// CHECK-NEXT:       "1:\n"
// CHECK-NEXT:       "mov.w r3, #0\n"
// CHECK-NEXT:       "mov.w r12, #4\n"
// CHECK-NEXT:       "2:\n"
// CHECK-NEXT:       "ldrsb r{{[0-9]+}}, [r0], #1\n"
// CHECK-NEXT:       "add r3, r3, r{{[0-9]+}}\n"
// CHECK-NEXT:       "subs.w r12, r12, #1\n"
// CHECK-NEXT:       "bne 2b\n"
// CHECK-NEXT:       "str r3, [r1], #4\n"
// CHECK-NEXT:       "subs.w r2, r2, #1\n"
// CHECK-NEXT:       "bne 1b\n"
// CHECK-NEXT:       "pop {r4, pc}\n"
// CHECK-NEXT:   );
// CHECK-NEXT: }

// EARLY: tinyml-c: thumb.loop has values without registers; run tinyml-thumb-allocate first
thumb.func @sums(%x : !thumb.reg<r0>, %y : !thumb.reg<r1>, %n : !thumb.reg<r2>) attributes {c_types = [memref<8xi8>, memref<2xi32>, i32]} {
  %p, %q, %m = thumb.loop (%a = %x, %b = %y, %i = %n) : (!thumb.reg<r0>, !thumb.reg<r1>, !thumb.reg<r2>) -> (!thumb.reg, !thumb.reg, !thumb.reg) {
    %zero = thumb.mov_imm 0 : !thumb.reg
    %four = thumb.mov_imm 4 : !thumb.reg
    %c, %sum, %none = thumb.loop (%d = %a, %s = %zero, %j = %four) : (!thumb.reg, !thumb.reg, !thumb.reg) -> (!thumb.reg, !thumb.reg, !thumb.reg) {
      %v, %e = thumb.ldrsb_post %d, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.reg)
      %t = thumb.add %s, %v : (!thumb.reg, !thumb.reg) -> !thumb.reg
      %k, %flags = thumb.subs_imm %j, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
      thumb.repeat_ne %flags, %e, %t, %k : !thumb.flags, !thumb.reg, !thumb.reg, !thumb.reg
    }
    %f = thumb.str_post %sum, %b, 4 : (!thumb.reg, !thumb.reg) -> !thumb.reg
    %l, %more = thumb.subs_imm %i, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
    thumb.repeat_ne %more, %c, %f, %l : !thumb.flags, !thumb.reg, !thumb.reg, !thumb.reg
  }
  thumb.ret
}
