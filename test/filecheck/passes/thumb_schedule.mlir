// RUN: tinyml-opt %s -p tinyml-thumb-schedule | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-thumb-schedule{core=cortex-m7}' | filecheck %s --check-prefix=M7

// Loads come in groups on an M4; on an M7 they issue beside what multiplies.

// CHECK-LABEL: thumb.func @dot
// CHECK-NEXT:    %a = thumb.ldr
// CHECK-NEXT:    %b = thumb.ldr
// CHECK-NEXT:    %c = thumb.ldr
// CHECK-NEXT:    %d = thumb.ldr
// CHECK-NEXT:    %s = thumb.smuad
// CHECK-NEXT:    %t = thumb.smlad

// M7-LABEL: thumb.func @dot
// M7:         thumb.ldr
// M7-NEXT:    thumb.ldr
// M7-NEXT:    thumb.ldr
// M7-NEXT:    thumb.smuad
// M7-NEXT:    thumb.ldr
// M7-NEXT:    thumb.smlad
thumb.func @dot(%x : !thumb.reg<r0>, %w : !thumb.reg<r1>) {
  %a = thumb.ldr %x, 0 : (!thumb.reg<r0>) -> !thumb.reg
  %b = thumb.ldr %w, 0 : (!thumb.reg<r1>) -> !thumb.reg
  %s = thumb.smuad %a, %b : (!thumb.reg, !thumb.reg) -> !thumb.reg
  %c = thumb.ldr %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
  %d = thumb.ldr %w, 4 : (!thumb.reg<r1>) -> !thumb.reg
  %t = thumb.smlad %c, %d, %s : (!thumb.reg, !thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret %t : !thumb.reg
}

// No load passes a store, and none passes what moves its base; one that has to wait for
// its base lets something else go first.

// CHECK-LABEL: thumb.func @memory
// CHECK-NEXT:    %a = thumb.ldr
// CHECK-NEXT:    %b = thumb.mvn
// CHECK-NEXT:    thumb.str %b
// CHECK-NEXT:    %c = thumb.ldr %x
// CHECK-NEXT:    %d, %y = thumb.ldr_post %x
// CHECK-NEXT:    %f = thumb.mvn %c
// CHECK-NEXT:    %e = thumb.ldr %y
thumb.func @memory(%x : !thumb.reg<r0>) {
  %a = thumb.ldr %x, 0 : (!thumb.reg<r0>) -> !thumb.reg
  %b = thumb.mvn %a : (!thumb.reg) -> !thumb.reg
  thumb.str %b, %x, 0 : !thumb.reg, !thumb.reg<r0>
  %c = thumb.ldr %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
  %f = thumb.mvn %c : (!thumb.reg) -> !thumb.reg
  %d, %y = thumb.ldr_post %x, 8 : (!thumb.reg<r0>) -> (!thumb.reg, !thumb.reg)
  %e = thumb.ldr %y, 4 : (!thumb.reg) -> !thumb.reg
  %g = thumb.add %f, %e : (!thumb.reg, !thumb.reg) -> !thumb.reg
  %h = thumb.add %g, %d : (!thumb.reg, !thumb.reg) -> !thumb.reg
  thumb.ret %h : !thumb.reg
}
