// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

"memref.global"() <{sym_name = "bias", type = memref<1xi32>, initial_value = dense<3> : tensor<1xi32>, sym_visibility = "private", constant}> : () -> ()

// Neither C nor C++ may reserve a name, so that the code is both; twins get numbers; what
// IR takes and C does not becomes an underscore.
func.func @names(%int: i32, %class: i32, %co.mp-lex: i32, %_x: i32, %out: memref<8xi32>) {
  %c0 = arith.constant 0 : index
  %template = memref.load %out[%c0] : memref<8xi32>
  memref.store %template, %out[%c0] : memref<8xi32>
  %uint8_t = memref.load %out[%c0] : memref<8xi32>
  memref.store %uint8_t, %out[%c0] : memref<8xi32>
  %1 = memref.load %out[%c0] : memref<8xi32>
  memref.store %1, %out[%c0] : memref<8xi32>
  %2 = memref.load %out[%c0] : memref<8xi32>
  memref.store %2, %out[%c0] : memref<8xi32>
  memref.store %int, %out[%c0] : memref<8xi32>
  memref.store %class, %out[%c0] : memref<8xi32>
  memref.store %co.mp-lex, %out[%c0] : memref<8xi32>
  memref.store %_x, %out[%c0] : memref<8xi32>
  func.return
}
// CHECK:      void names(
// CHECK-NEXT:     int32_t int_1,
// CHECK-NEXT:     int32_t class_1,
// CHECK-NEXT:     int32_t co_mp_lex,
// CHECK-NEXT:     int32_t v_x,
// CHECK-NEXT:     int32_t *out) {
// CHECK-NEXT:   const int32_t template_1 = out[0];
// CHECK-NEXT:   out[0] = template_1;
// CHECK-NEXT:   const int32_t uint8_t_1 = out[0];
// CHECK-NEXT:   out[0] = uint8_t_1;
// CHECK-NEXT:   const int32_t v = out[0];
// CHECK-NEXT:   out[0] = v;
// CHECK-NEXT:   const int32_t v_1 = out[0];
// CHECK-NEXT:   out[0] = v_1;

// A variable hides neither a function nor a constant.
func.func private @later(i32) attributes {tinyml.hook}

func.func @hiding(%bias: memref<1xi32>, %later: i32) {
  %c0 = arith.constant 0 : index
  %0 = memref.get_global @bias : memref<1xi32>
  %names = memref.load %0[%c0] : memref<1xi32>
  memref.store %names, %bias[%c0] : memref<1xi32>
  func.call @later(%later) : (i32) -> ()
  func.return
}
// CHECK:      void hiding(int32_t *bias_1, int32_t later_1) {
// CHECK-NEXT:   const int32_t names_1 = bias[0];
// CHECK-NEXT:   bias_1[0] = names_1;
// CHECK-NEXT:   later(later_1);

// Loops one after the other; a name is used once in a function, so that nothing shadows.
func.func @loops(%x: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i8
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %x[%i] : memref<4xi8>
  }
  scf.for %i = %c0 to %c4 step %c1 {
    memref.store %zero, %x[%i] : memref<4xi8>
  }
  func.return
}
// CHECK:      for (int32_t i = 0;
// CHECK:      for (int32_t i_1 = 0;
