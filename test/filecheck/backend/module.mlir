// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// RUN: tinyml-opt %s -t 'tinyml-c{part=code}' | filecheck %s --check-prefix=CODE
// RUN: tinyml-opt %s -t 'tinyml-c{part=constants}' | filecheck %s --check-prefix=CONSTANTS

"memref.global"() <{sym_name = "factors", type = memref<2x2xi32>, initial_value = dense<[[1, -2147483648], [3, -4]]> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "splat", type = memref<18xi8>, initial_value = dense<-128> : tensor<18xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "floats", type = memref<4xf32>, initial_value = dense<"0x0000003F0000807F000080FF0000C07F"> : tensor<4xf32>, sym_visibility = "private", constant}> : () -> ()

// A hook is a macro that its user may define before, and else is nothing.
// CHECK:      #ifndef layer_end
// CHECK-NEXT: #define layer_end(layer) ((void)(layer))
// CHECK-NEXT: #endif
func.func private @layer_end(i32) attributes {tinyml.hook}

// A function that is not private is the network's, and has external linkage. Arguments
// that are not used are, in C, said not to be. Its location says where it comes from.
func.func @network(%x: memref<4xi8>, %unused: i32) {
  %0 = arith.constant 0 : i32
  func.call @layer_end(%0) : (i32) -> ()
  func.return
} loc("conv */ relu")
// CHECK:      /* conv * / relu */
// CHECK-NEXT: void network(int8_t *x, int32_t unused) {
// CHECK-NEXT:   (void)x;
// CHECK-NEXT:   (void)unused;
// CHECK-NEXT:   layer_end(0);

func.func @nothing() {
  func.return
}
// CHECK:      void nothing(void) {
// CHECK-NEXT: }

// Arguments that do not fit on a line get one each. A compiler may be asked not to inline.
func.func private @kernel_of_a_layer(%input: memref<1x8x8x16xi8>, %weights: memref<1x1xi8>, %output: memref<1x8x8x16xi8>) attributes {no_inline} {
  func.return
}
// CHECK:      TINYML_NO_INLINE static void kernel_of_a_layer(
// CHECK-NEXT:     int8_t *input,
// CHECK-NEXT:     int8_t *weights,
// CHECK-NEXT:     int8_t *output) {

func.func @caller(%x: memref<1x8x8x16xi8>, %w: memref<1x1xi8>) {
  func.call @kernel_of_a_layer(%x, %w, %x) : (memref<1x8x8x16xi8>, memref<1x1xi8>, memref<1x8x8x16xi8>) -> ()
  func.return
}

// Constants are declared where code uses them and defined at the end, sixteen numbers on
// a line.
// CHECK:      const int32_t factors[4] TINYML_ALIGNED(4) = {
// CHECK-NEXT:   1, INT32_MIN, 3, -4,
// CHECK-NEXT: };
// CHECK-NEXT: const int8_t splat[18] = {
// CHECK-NEXT:   -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128, -128,
// CHECK-NEXT:   -128, -128,
// CHECK-NEXT: };
// CHECK-NEXT: const float floats[4] = {
// CHECK-NEXT:   0.5f, (1.0f / 0.0f), (-1.0f / 0.0f), (0.0f / 0.0f),
// CHECK-NEXT: };

// CODE:      #include <stdint.h>
// CODE:      extern const int32_t factors[4] TINYML_ALIGNED(4);
// CODE-NEXT: extern const int8_t splat[18];
// CODE:      void network(
// CODE-NOT:  const int8_t splat[18] =

// CONSTANTS:      #include <stdint.h>
// CONSTANTS:      extern const int8_t splat[18];
// CONSTANTS-NEXT: extern const float floats[4];
// CONSTANTS-NEXT: const int32_t factors[4]
// CONSTANTS:      const int8_t splat[18] = {
// CONSTANTS-NOT:  void
