// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

// One op of each shape; test/unit/test_thumb.py assembles and runs every instruction.

// CHECK-LABEL: thumb.func @arithmetic(%x: !thumb.reg<r0>, %y: !thumb.reg<r1>) attributes {c_types = [memref<8xi8>, i32]} {
thumb.func @arithmetic(%x : !thumb.reg<r0>, %y : !thumb.reg<r1>) attributes {c_types = [memref<8xi8>, i32]} {
  // CHECK-NEXT: %a = thumb.mov %x : (!thumb.reg<r0>) -> !thumb.reg
  %a = thumb.mov %x : (!thumb.reg<r0>) -> !thumb.reg
  // CHECK-NEXT: %b = thumb.mov_imm 255 : !thumb.reg
  %b = thumb.mov_imm 255 : !thumb.reg
  // CHECK-NEXT: %c = thumb.add %a, %b : (!thumb.reg, !thumb.reg) -> !thumb.reg<r4>
  %c = thumb.add %a, %b : (!thumb.reg, !thumb.reg) -> !thumb.reg<r4>
  // CHECK-NEXT: %d = thumb.add %a, %b, asr 31 : (!thumb.reg, !thumb.reg) -> !thumb.reg
  %d = thumb.add %a, %b, asr 31 : (!thumb.reg, !thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %e = thumb.add_imm %d, 4095 : (!thumb.reg) -> !thumb.reg
  %e = thumb.add_imm %d, 4095 : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %f = thumb.sxtb16 %e ror 8 : (!thumb.reg) -> !thumb.reg
  %f = thumb.sxtb16 %e ror 8 : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %g = thumb.sxtab16 %e, %f : (!thumb.reg, !thumb.reg) -> !thumb.reg
  %g = thumb.sxtab16 %e, %f : (!thumb.reg, !thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %h = thumb.smlad %e, %f, %g : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  %h = thumb.smlad %e, %f, %g : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %lo, %hi = thumb.smull %g, %h : (!thumb.reg, !thumb.reg) -> (!thumb.reg, !thumb.reg)
  %lo, %hi = thumb.smull %g, %h : (!thumb.reg, !thumb.reg) -> (!thumb.reg, !thumb.reg)
  // CHECK-NEXT: %i = thumb.ssat 8, %hi, asr 3 : (!thumb.reg) -> !thumb.reg
  %i = thumb.ssat 8, %hi, asr 3 : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %j = thumb.usat16 8, %i : (!thumb.reg) -> !thumb.reg
  %j = thumb.usat16 8, %i : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %k = thumb.sbfx %j, 8, 24 : (!thumb.reg) -> !thumb.reg
  %k = thumb.sbfx %j, 8, 24 : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %l = thumb.movt %k, 65535 : (!thumb.reg) -> !thumb.reg
  %l = thumb.movt %k, 65535 : (!thumb.reg) -> !thumb.reg
  // CHECK-NEXT: thumb.ret %l : !thumb.reg
  thumb.ret %l : !thumb.reg
}

// CHECK-LABEL: thumb.func @memory
thumb.func @memory(%x : !thumb.reg<r0>) {
  // CHECK-NEXT: thumb.push [!thumb.reg<r4>, !thumb.reg<lr>]
  thumb.push [!thumb.reg<r4>, !thumb.reg<lr>]
  // CHECK-NEXT: %a = thumb.ldrsb %x, -255 : (!thumb.reg<r0>) -> !thumb.reg
  %a = thumb.ldrsb %x, -255 : (!thumb.reg<r0>) -> !thumb.reg
  // CHECK-NEXT: %t = thumb.ldr_reg %x, %a lsl 2 : (!thumb.reg<r0>, !thumb.reg) -> !thumb.reg
  %t = thumb.ldr_reg %x, %a lsl 2 : (!thumb.reg<r0>, !thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %b, %y = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  %b, %y = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  // CHECK-NEXT: thumb.strd %a, %b, %y, 8 : !thumb.reg, !thumb.reg, !thumb.reg
  thumb.strd %a, %b, %y, 8 : !thumb.reg, !thumb.reg, !thumb.reg
  // CHECK-NEXT: %z, %c, %d = thumb.ldm %y : (!thumb.reg) -> (!thumb.reg, !thumb.reg, !thumb.reg)
  %z, %c, %d = thumb.ldm %y : (!thumb.reg) -> (!thumb.reg, !thumb.reg, !thumb.reg)
  // CHECK-NEXT: %end = thumb.stm %z, %c, %d : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  %end = thumb.stm %z, %c, %d : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  // CHECK-NEXT: %e = thumb.ldr_sp 8 : !thumb.reg
  %e = thumb.ldr_sp 8 : !thumb.reg
  // CHECK-NEXT: %s = thumb.vmov_to_fpu %e : (!thumb.reg) -> !thumb.freg<s4>
  %s = thumb.vmov_to_fpu %e : (!thumb.reg) -> !thumb.freg<s4>
  // CHECK-NEXT: thumb.ret pop [!thumb.reg<r4>, !thumb.reg<lr>]
  thumb.ret pop [!thumb.reg<r4>, !thumb.reg<lr>]
}

// CHECK-LABEL: thumb.func @loop
// CHECK-NEXT:    %end = thumb.loop (%i = %n) : (!thumb.reg<r0>) -> !thumb.reg {
// CHECK-NEXT:      %left, %flags = thumb.subs_imm %i, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
// CHECK-NEXT:      thumb.repeat_ne %flags, %left : !thumb.flags, !thumb.reg
// CHECK-NEXT:    }
// CHECK-NEXT:    thumb.loop () : () -> () {
// CHECK-NEXT:      %same = thumb.cmp_imm %end, 0 : (!thumb.reg) -> !thumb.flags
// CHECK-NEXT:      thumb.repeat_ne %same : !thumb.flags
thumb.func @loop(%n : !thumb.reg<r0>) {
  %end = thumb.loop (%i = %n) : (!thumb.reg<r0>) -> !thumb.reg {
    %left, %flags = thumb.subs_imm %i, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
    thumb.repeat_ne %flags, %left : !thumb.flags, !thumb.reg
  }
  thumb.loop () : () -> () {
    %same = thumb.cmp_imm %end, 0 : (!thumb.reg) -> !thumb.flags
    thumb.repeat_ne %same : !thumb.flags
  }
  thumb.ret
}

// CHECK-GENERIC: "thumb.func"() <{sym_name = "arithmetic", c_types = [memref<8xi8>, i32]}>
// CHECK-GENERIC: "thumb.add"(%a, %b) <{shift = #thumb<shift asr>, amount = 31 : i32}> : (!thumb.reg, !thumb.reg) -> !thumb.reg
// CHECK-GENERIC: "thumb.loop"(%n) ({
