// RUN: tinyml-opt %s -p tinyml-merge-kernels --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p tinyml-merge-kernels --split-input-file --print-debuginfo | filecheck %s --check-prefix=LOCATION
// RUN: tinyml-opt %s -p tinyml-merge-kernels -t tinyml-c --split-input-file | filecheck %s --check-prefix=C

func.func private @layer_end(i32) -> () attributes {tinyml.hook}

// CHECK: func.func private @layer_00(%from: memref<4xi8> {llvm.readonly}, %to: memref<4xi8>)
func.func private @layer_00(%from: memref<4xi8> {llvm.readonly}, %to: memref<4xi8>) {
  %i = arith.constant 1 : index
  %x = memref.load %from[%i] : memref<4xi8>
  memref.store %x, %to[%i] : memref<4xi8>
  func.return
} loc("first")

// Other names of values.
// CHECK-NOT: @layer_01(%
func.func private @layer_01(%a: memref<4xi8> {llvm.readonly}, %b: memref<4xi8>) {
  %place = arith.constant 1 : index
  %value = memref.load %a[%place] : memref<4xi8>
  memref.store %value, %b[%place] : memref<4xi8>
  func.return
} loc("second")

// Another constant, another type, another attribute, another wiring: functions of
// their own.
// CHECK: func.func private @layer_02(
func.func private @layer_02(%a: memref<4xi8> {llvm.readonly}, %b: memref<4xi8>) {
  %i = arith.constant 2 : index
  %x = memref.load %a[%i] : memref<4xi8>
  memref.store %x, %b[%i] : memref<4xi8>
  func.return
}
// CHECK: func.func private @layer_03(
func.func private @layer_03(%a: memref<5xi8> {llvm.readonly}, %b: memref<5xi8>) {
  %i = arith.constant 1 : index
  %x = memref.load %a[%i] : memref<5xi8>
  memref.store %x, %b[%i] : memref<5xi8>
  func.return
}
// CHECK: func.func private @layer_04(
func.func private @layer_04(%a: memref<4xi8> {llvm.readonly}, %b: memref<4xi8>) attributes {no_inline} {
  %i = arith.constant 1 : index
  %x = memref.load %a[%i] : memref<4xi8>
  memref.store %x, %b[%i] : memref<4xi8>
  func.return
}
// CHECK: func.func private @layer_05(
func.func private @layer_05(%a: memref<4xi8> {llvm.readonly}, %b: memref<4xi8>) {
  %i = arith.constant 1 : index
  %x = memref.load %b[%i] : memref<4xi8>
  memref.store %x, %b[%i] : memref<4xi8>
  func.return
}

// Kernels that call equal kernels are equal.
// CHECK: func.func private @stage_06(
// CHECK:   func.call @layer_00(%a, %b)
func.func private @stage_06(%a: memref<4xi8>, %b: memref<4xi8>) {
  func.call @layer_00(%a, %b) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
// CHECK-NOT: @stage_07(%
func.func private @stage_07(%a: memref<4xi8>, %b: memref<4xi8>) {
  func.call @layer_01(%a, %b) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}

// Not private: others may know its name.
// CHECK: func.func @public(
func.func @public(%a: memref<4xi8>, %b: memref<4xi8>) {
  func.call @layer_01(%a, %b) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}

// Calls keep what they say of their layers.
// CHECK:      func.func @network(
// CHECK-NEXT:   func.call @layer_00(%a, %b) {tinyml.index = 0 : i64}
// CHECK-NEXT:   func.call @layer_00(%b, %a) {tinyml.index = 1 : i64}
// CHECK-NEXT:   func.call @stage_06(%a, %b) {tinyml.index = 6 : i64}
// CHECK-NEXT:   func.call @stage_06(%b, %a) {tinyml.index = 7 : i64}
// CHECK-NEXT:   func.return
// LOCATION:   func.call @layer_00(%b, %a) {{.*}} loc("second")

// The C names the layers that a function is not named after.
// C:        /* first */
// C-NEXT:   static void layer_00(
// C:        void network(int8_t *a, int8_t *b) {
// C-NEXT:     layer_00(a, b);
// C-NEXT:     /* second */
// C-NEXT:     layer_00(b, a);
func.func @network(%a: memref<4xi8>, %b: memref<4xi8>) {
  func.call @layer_00(%a, %b) {tinyml.index = 0 : i64} : (memref<4xi8>, memref<4xi8>) -> () loc("first")
  func.call @layer_01(%b, %a) {tinyml.index = 1 : i64} : (memref<4xi8>, memref<4xi8>) -> () loc("second")
  func.call @stage_06(%a, %b) {tinyml.index = 6 : i64} : (memref<4xi8>, memref<4xi8>) -> ()
  func.call @stage_07(%b, %a) {tinyml.index = 7 : i64} : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
