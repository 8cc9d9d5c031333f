// RUN: tinyml-opt %s -p tinyml-thumb-park --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: thumb.func @parks(%x: !thumb.reg<r0>) {
// CHECK-NEXT:    %x_1 = thumb.vmov_to_fpu %x
// CHECK-NEXT:    %{{.*}} = thumb.vmov_from_fpu %x_1
// CHECK-NEXT:    %end = thumb.add_imm %{{.*}}, 64
// CHECK-NEXT:    %end_1 = thumb.vmov_to_fpu %end
// CHECK-NEXT:    %[[a:.*]] = thumb.vmov_from_fpu %x_1
// CHECK-NEXT:    %[[b:.*]] = thumb.vmov_from_fpu %end_1
// CHECK-NEXT:    thumb.str %[[a]], %[[b]], 0
thumb.func @parks(%x : !thumb.reg<r0>) attributes {parked = array<i64: 0>} {
  %end = thumb.add_imm %x, 64 {parked} : (!thumb.reg<r0>) -> !thumb.reg
  thumb.str %x, %end, 0 : !thumb.reg<r0>, !thumb.reg
  thumb.ret
}

// -----

// CHECK: @none: there is no argument 1 to park
thumb.func @none(%x : !thumb.reg<r0>) attributes {parked = array<i64: 1>} {
  thumb.ret
}
