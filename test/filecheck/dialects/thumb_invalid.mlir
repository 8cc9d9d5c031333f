// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: @f: arguments are in r0 to r3, in order, not in !thumb.reg<r1>
thumb.func @f(%x : !thumb.reg<r1>) {
  thumb.ret
}

// -----

// CHECK: Invalid register name sp for register type thumb.reg
thumb.func @f(%x : !thumb.reg<sp>) {
  thumb.ret
}

// -----

// CHECK: thumb.add: a shift needs a kind and an amount
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = "thumb.add"(%x, %x) <{shift = #thumb<shift asr>}> : (!thumb.reg<r0>, !thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.add: lsl 32 is not within 1..31
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.add %x, %x, lsl 32 : (!thumb.reg<r0>, !thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.pkhbt: shifts by lsl, not asr
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.pkhbt %x, %x, asr 16 : (!thumb.reg<r0>, !thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.pkhtb: has to shift; else use thumb.pkhbt
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.pkhtb %x, %x : (!thumb.reg<r0>, !thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.sxtb16: rotates by 8, 16 or 24, not 4
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.sxtb16 %x ror 4 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.add_imm: cannot name 4097
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.add_imm %x, 4097 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.sub_imm: -1 is negative
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.sub_imm %x, -1 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.and_imm: cannot name 4095
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.and_imm %x, 4095 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.mov_imm: cannot name 257
thumb.func @f() {
  %y = thumb.mov_imm 257 : !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.movw: constant 65536 is not within 0..65535
thumb.func @f() {
  %y = thumb.movw 65536 : !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.cmp_imm: -1 is negative
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.cmp_imm %x, -1 : (!thumb.reg<r0>) -> !thumb.flags
  thumb.ret
}

// -----

// CHECK: thumb.movt: writes !thumb.reg<r0> in place, not !thumb.reg<r1>
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.movt %x, 1 : (!thumb.reg<r0>) -> !thumb.reg<r1>
  thumb.ret
}

// -----

// CHECK: thumb.asr_imm: amount 33 is not within 1..32
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.asr_imm %x, 33 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.ssat: bits 0 is not within 1..32
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.ssat 0, %x : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.usat16: bits 16 is not within 0..15
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.usat16 16, %x : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.ubfx: width 25 is not within 1..24
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.ubfx %x, 8, 25 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.ldr: offset 4096 is not within -255..4095
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.ldr %x, 4096 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.ldr_post: offset 256 is not within -255..255
thumb.func @f(%x : !thumb.reg<r0>) {
  %y, %z = thumb.ldr_post %x, 256 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  thumb.ret
}

// -----

// CHECK: thumb.str_post: stores the base that it moves
thumb.func @f(%x : !thumb.reg<r0>) {
  %z = thumb.str_post %x, %x, 4 : (!thumb.reg<r0>, !thumb.reg<r0>) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: thumb.ldrd: offset 6 is no multiple of 4
thumb.func @f(%x : !thumb.reg<r0>) {
  %y, %z = thumb.ldrd %x, 6 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  thumb.ret
}

// -----

// CHECK: thumb.ldm: moves two registers or more
thumb.func @f(%x : !thumb.reg<r0>) {
  %y, %z = thumb.ldm %x : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  thumb.ret
}

// -----

// CHECK: thumb.stm: registers r2, r1 do not ascend
thumb.func @f(%x : !thumb.reg<r0>, %a : !thumb.reg<r1>, %b : !thumb.reg<r2>) {
  %y = thumb.stm %x, %b, %a : (!thumb.reg<r0>, !thumb.reg<r2>, !thumb.reg<r1>) -> !thumb.reg<r0>
  thumb.ret
}

// -----

// CHECK: thumb.vmov_pair_to_fpu: s6 is not the register behind s4
thumb.func @f(%x : !thumb.reg<r0>) {
  %a, %b = thumb.vmov_pair_to_fpu %x, %x : (!thumb.reg<r0>, !thumb.reg<r0>) -> (!thumb.freg<s4>, !thumb.freg<s6>)
  thumb.ret
}

// -----

// CHECK: thumb.loop: starts with 1 values, has 0 yielded values
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.loop (%z = %x) : (!thumb.reg<r0>) -> !thumb.reg {
    %flags = thumb.cmp %x, %z : (!thumb.reg<r0>, !thumb.reg) -> !thumb.flags
    thumb.repeat_ne %flags : !thumb.flags
  }
  thumb.ret
}

// -----

// CHECK: thumb.loop: carries a value in one register, not in !thumb.reg<r0>, !thumb.reg<r1>
thumb.func @f(%x : !thumb.reg<r0>) {
  %y = thumb.loop (%z = %x) : (!thumb.reg<r0>) -> !thumb.reg<r1> {
    %flags = thumb.cmp %x, %z : (!thumb.reg<r0>, !thumb.reg<r1>) -> !thumb.flags
    thumb.repeat_ne %flags, %z : !thumb.flags, !thumb.reg<r1>
  }
  thumb.ret
}
