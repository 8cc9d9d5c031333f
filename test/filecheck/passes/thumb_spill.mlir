// RUN: tinyml-opt %s -p 'tinyml-thumb-spill{registers=2}' | filecheck %s --check-prefix=TWO
// RUN: tinyml-opt %s -p 'tinyml-thumb-spill{registers=4}' | filecheck %s --check-prefix=FOUR
// RUN: tinyml-opt %s -p tinyml-thumb-spill | filecheck %s --check-prefix=FITS

// What is read late is copied back there.
// TWO-LABEL: thumb.func @late
// TWO-NEXT:    %end = thumb.add_imm %x, 64
// TWO-NEXT:    %[[kept:.*]] = thumb.vmov_to_fpu %end
// TWO-NEXT:    %sum = thumb.ldr %x, 0
// TWO-NEXT:    %more = thumb.add_imm %x, 4
// TWO-NEXT:    thumb.str %sum, %more, 0
// TWO-NEXT:    %[[again:.*]] = thumb.vmov_from_fpu %[[kept]]
// TWO-NEXT:    thumb.str %[[again]], %[[again]], 0
thumb.func @late(%x : !thumb.reg<r0>) {
  %end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
  %sum = thumb.ldr %x, 0 : (!thumb.reg<r0>) -> !thumb.reg
  %more = thumb.add_imm %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
  thumb.str %sum, %more, 0 : !thumb.reg, !thumb.reg
  thumb.str %end, %end, 0 : !thumb.reg, !thumb.reg
  thumb.ret
}

// Of what lives through the inner loop: a constant is made again, the end of the outer
// loop and its output wait in the FPU, and last comes the end of the inner loop, which
// costs a cycle in each of its turns.
// FOUR-LABEL: thumb.func @loops
// FOUR-NEXT:    %end = thumb.add_imm %x, 64
// FOUR-NEXT:    %[[end:.*]] = thumb.vmov_to_fpu %end
// FOUR-NEXT:    thumb.loop
// FOUR-NEXT:      %[[o:.*]] = thumb.vmov_to_fpu %o
// FOUR-NEXT:      %stop = thumb.add_imm %a, 16
// FOUR-NEXT:      %[[stop:.*]] = thumb.vmov_to_fpu %stop
// FOUR-NEXT:      %zero = thumb.mov_imm 0
// FOUR-NEXT:      thumb.loop (%b = %a, %s = %zero)
// FOUR-NEXT:        %v, %bn = thumb.ldr_post %b, 4
// FOUR-NEXT:        %w = thumb.ldr %bn, 0
// FOUR-NEXT:        %t = thumb.smlad %v, %w, %s
// FOUR-NEXT:        %[[stop_again:.*]] = thumb.vmov_from_fpu %[[stop]]
// FOUR-NEXT:        thumb.cmp %bn, %[[stop_again]]
// FOUR-NEXT:        thumb.repeat_ne
// FOUR-NEXT:      }
// FOUR-NEXT:      %[[zp:.*]] = thumb.movw 77
// FOUR-NEXT:      %r = thumb.add %sum, %[[zp]]
// FOUR-NEXT:      %[[o_again:.*]] = thumb.vmov_from_fpu %[[o]]
// FOUR-NEXT:      %on = thumb.str_post %r, %[[o_again]], 4
// FOUR-NEXT:      %[[end_again:.*]] = thumb.vmov_from_fpu %[[end]]
// FOUR-NEXT:      thumb.cmp %c, %[[end_again]]

// FITS-NOT: thumb.vmov
thumb.func @loops(%x : !thumb.reg<r0>, %y : !thumb.reg<r1>) {
  %end = thumb.add_imm %x, 64 : (!thumb.reg<r0>) -> !thumb.reg
  %zp = thumb.movw 77 : !thumb.reg
  %p, %q = thumb.loop (%a = %x, %o = %y) : (!thumb.reg<r0>, !thumb.reg<r1>) -> (!thumb.reg, !thumb.reg) {
    %stop = thumb.add_imm %a, 16 : (!thumb.reg) -> !thumb.reg
    %zero = thumb.mov_imm 0 : !thumb.reg
    %c, %sum = thumb.loop (%b = %a, %s = %zero) : (!thumb.reg, !thumb.reg) -> (!thumb.reg, !thumb.reg) {
      %v, %bn = thumb.ldr_post %b, 4 : (!thumb.reg) -> (!thumb.reg, !thumb.reg)
      %w = thumb.ldr %bn, 0 : (!thumb.reg) -> !thumb.reg
      %t = thumb.smlad %v, %w, %s : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
      %more = thumb.cmp %bn, %stop : (!thumb.reg, !thumb.reg) -> !thumb.flags
      thumb.repeat_ne %more, %bn, %t : !thumb.flags, !thumb.reg, !thumb.reg
    }
    %r = thumb.add %sum, %zp : (!thumb.reg, !thumb.reg) -> !thumb.reg
    %on = thumb.str_post %r, %o, 4 : (!thumb.reg, !thumb.reg) -> !thumb.reg
    %more = thumb.cmp %c, %end : (!thumb.reg, !thumb.reg) -> !thumb.flags
    thumb.repeat_ne %more, %c, %on : !thumb.flags, !thumb.reg, !thumb.reg
  }
  thumb.ret
}

// What is overwritten in place is the copy that comes back: no other is made.
// TWO-LABEL: thumb.func @in_place
// TWO-NEXT:    %[[x:.*]] = thumb.vmov_to_fpu %x
// TWO-NEXT:    %w, %base = thumb.ldr_post %x, 4
// TWO-NEXT:    thumb.str %w, %base, 0
// TWO-NEXT:    %[[again:.*]] = thumb.vmov_from_fpu %[[x]]
// TWO-NEXT:    thumb.str %[[again]], %[[again]], 0
thumb.func @in_place(%x : !thumb.reg<r0>) {
  %w, %base = thumb.ldr_post %x, 4 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  thumb.str %w, %base, 0 : !thumb.reg, !thumb.reg
  thumb.str %x, %x, 0 : !thumb.reg<r0>, !thumb.reg<r0>
  thumb.ret
}
