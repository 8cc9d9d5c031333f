// RUN: tinyml-opt %s -p tinyml-thumb-allocate --split-input-file --verify-diagnostics | filecheck %s

// What is overwritten in place shares a register; sums take over the register of what
// they are added to. The result is in r0, nothing has to be saved.

// CHECK-LABEL: thumb.func @in_place
// CHECK-NEXT:    %a, %y = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg<r1>, !thumb.reg<r0>)
// CHECK-NEXT:    %b = thumb.ldr %y, 0 : (!thumb.reg<r0>) -> !thumb.reg<r2>
// CHECK-NEXT:    %c = thumb.smlad %a, %b, %y : (!thumb.reg<r1>, !thumb.reg<r2>, !thumb.reg<r0>) -> !thumb.reg<r0>
// CHECK-NEXT:    thumb.ret %c : !thumb.reg<r0>
thumb.func @in_place(%x : !thumb.reg<r0>, %unused : !thumb.reg<r1>) {
  %a, %y = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  %b = thumb.ldr %y, 0 : (!thumb.reg) -> !thumb.reg
  %c = thumb.smlad %a, %b, %y : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret %c : !thumb.reg
}

// -----

// The pointer is needed behind what moves it: a copy moves.

// CHECK-LABEL: thumb.func @copies
// CHECK-NEXT:    %x_1 = thumb.mov %x : (!thumb.reg<r0>) -> !thumb.reg<r1>
// CHECK-NEXT:    %a, %y = thumb.ldr_post %x_1, 4 : (!thumb.reg<r1>) -> (!thumb.reg<r2>, !thumb.reg<r1>)
// CHECK-NEXT:    thumb.str %a, %x, 0
thumb.func @copies(%x : !thumb.reg<r0>) {
  %a, %y = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  thumb.str %a, %x, 0 : !thumb.reg, !thumb.reg<r0>
  thumb.str %a, %y, 0 : !thumb.reg, !thumb.reg
  thumb.ret
}

// -----

// Lists of registers ascend, what a loop carries stays, what the caller wants is saved,
// and the fifth argument lies above that.

// CHECK-LABEL: thumb.func @saves
// CHECK-NEXT:    thumb.push [!thumb.reg<r10>, !thumb.reg<r11>, !thumb.reg<lr>]
// CHECK-NEXT:    %fifth = thumb.ldr_sp 12 : !thumb.reg<r1>
// CHECK-NEXT:    %y, %a, %b, %c, %d = thumb.ldm %x : (!thumb.reg<r0>) -> (!thumb.reg<r0>, !thumb.reg<r10>, !thumb.reg<r11>, !thumb.reg<r12>, !thumb.reg<lr>)
// CHECK-NEXT:    %end = thumb.loop (%i = %fifth) : (!thumb.reg<r1>) -> !thumb.reg<r1> {
// CHECK-NEXT:      %left, %flags = thumb.subs_imm %i, 1 : (!thumb.reg<r1>) -> (!thumb.reg<r1>, !thumb.flags)
// CHECK:         %z = thumb.stm %y, %a, %b, %c, %d
// CHECK-NEXT:    thumb.ret pop [!thumb.reg<r10>, !thumb.reg<r11>, !thumb.reg<lr>]
thumb.func @saves(%x : !thumb.reg<r0>, %unused : !thumb.reg<r1>) {
  %fifth = thumb.ldr_sp 0 : !thumb.reg
  %y, %a, %b, %c, %d = thumb.ldm %x : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg)
  %end = thumb.loop (%i = %fifth) : (!thumb.reg) -> !thumb.reg {
    %left, %flags = thumb.subs_imm %i, 1 : (!thumb.reg) -> (!thumb.reg, !thumb.flags)
    thumb.repeat_ne %flags, %left : !thumb.flags, !thumb.reg
  }
  %z = thumb.stm %y, %a, %b, %c, %d : (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: @many: a register is not free at thumb.ldm: 16 values are alive there, registers are 14
thumb.func @many(%x : !thumb.reg<r0>) {
  %y, %0, %1, %2, %3, %4, %5, %6 = thumb.ldm %x : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg)
  %z, %7, %8, %9, %a, %b, %c, %d, %e = thumb.ldm %y : (!thumb.reg) -> (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg)
  %u = thumb.stm %z, %0, %1, %2, %3, %4, %5, %6 : (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  %v = thumb.stm %u, %7, %8, %9, %a, %b, %c, %d, %e : (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret
}

// -----

// CHECK: @swap: thumb.repeat_ne carries values that change places; unroll it
thumb.func @swap(%x : !thumb.reg<r0>, %y : !thumb.reg<r1>) {
  %a, %b = thumb.loop (%c = %x, %d = %y) : (!thumb.reg<r0>, !thumb.reg<r1>) -> (!thumb.reg, !thumb.reg) {
    %flags = thumb.cmp %c, %d : (!thumb.reg, !thumb.reg) -> !thumb.flags
    thumb.repeat_ne %flags, %d, %c : !thumb.flags, !thumb.reg, !thumb.reg
  }
  thumb.str %a, %b, 0 : !thumb.reg, !thumb.reg
  thumb.ret
}

// -----

// Where loops do the same, they do it.
// CHECK-NOT:   thumb.func
// CHECK:       func.func private @hot(%x: memref<64xi32>) attributes {tinyml.remarks = {"tinyml-thumb-allocate" = "stays loops: @hot_thumb: a register is not free at thumb.ldm: 16 values are alive there, registers are 14"}}
// CHECK-NOT:   thumb.func
thumb.func @hot_thumb(%x : !thumb.reg<r0>) {
  %y, %0, %1, %2, %3, %4, %5, %6 = thumb.ldm %x : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg)
  %z, %7, %8, %9, %a, %b, %c, %d, %e = thumb.ldm %y : (!thumb.reg) -> (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg)
  %u = thumb.stm %z, %0, %1, %2, %3, %4, %5, %6 : (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  %v = thumb.stm %u, %7, %8, %9, %a, %b, %c, %d, %e : (!thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret
}
func.func private @hot(%x: memref<64xi32>) attributes {tinyml.thumb = @hot_thumb} {
  func.return
}
