// The commands of docs/editors.md do what it says.
// RUN: %run_page %S/../../../docs/editors.md | filecheck %s

// CHECK-NOT: empty
// CHECK:     canonical.c made
// CHECK:     digits.c made
// CHECK:     llvm.mlir made
// CHECK:     network.ll made
// CHECK:     standard.mlir made
// CHECK-NOT: empty
