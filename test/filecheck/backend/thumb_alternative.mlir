// RUN: tinyml-opt %s --split-input-file -p tinyml-thumb-allocate -t tinyml-c --verify-diagnostics | filecheck %s

// CHECK:      #ifndef TINYML_NAKED
// CHECK:      #define TINYML_HAS_THUMB
// CHECK:      extern const int8_t table[16];

// Under one name: the instructions, or what everyone else gets.
// CHECK:      #if defined(TINYML_HAS_THUMB)
// CHECK-NEXT: TINYML_NAKED static void hot_0(
// CHECK-NEXT:     const int8_t *x __attribute__((unused)),
// CHECK-NEXT:     int32_t *y __attribute__((unused)),
// CHECK-NEXT:     int32_t n __attribute__((unused))) {
// CHECK-NEXT:   __asm__ volatile(
// CHECK-NEXT:       ".syntax unified\n"
// CHECK-NEXT:       "ldr r0, [r0, #4]\n"
// CHECK-NEXT:       "smlad r2, r0, r0, r2\n"
// CHECK-NEXT:       "str r2, [r1, #4]\n"
// CHECK-NEXT:       "bx lr\n"
// CHECK-NEXT:   );
// CHECK-NEXT: }
// CHECK-NEXT: #else
// CHECK-NEXT: static void hot_0(const int8_t *x, int32_t *y, int32_t n) {
// CHECK-NEXT:   const int32_t a = TINYML_LOAD_WORD(x + 4);
// CHECK-NEXT:   y[1] = TINYML_SMLAD(a, a, n);
// CHECK-NEXT: }
// CHECK-NEXT: #endif

// CHECK-NOT:  hot_0_thumb

// A view from some element on, to which only where it begins matters.
// CHECK:      void caller(int32_t *y, int32_t o, int32_t p) {
// CHECK-NEXT:   const int8_t *x = table + o;
// CHECK-NEXT:   int32_t *z = y + p;
// CHECK-NEXT:   hot_0(x, z, 5);
// CHECK-NEXT: }

!bytes = memref<?xi8, strided<[1], offset: ?>>
!words = memref<?xi32, strided<[1], offset: ?>>

"memref.global"() <{sym_name = "table", type = memref<2x8xi8>, initial_value = dense<1> : tensor<2x8xi8>, sym_visibility = "private", constant}> : () -> ()

func.func private @hot_0(%x: !bytes {llvm.readonly}, %y: !words, %n: i32) attributes {tinyml.thumb = @hot_0_thumb} {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = acle.load_word %x[%c4] : !bytes
  %b = acle.smlad %a, %a, %n
  memref.store %b, %y[%c1] : !words
  func.return
}

thumb.func @hot_0_thumb(%x : !thumb.reg<r0>, %y : !thumb.reg<r1>, %n : !thumb.reg<r2>) attributes {c_types = [!bytes, !words, i32]} {
  %a = thumb.ldr %x, 4 : (!thumb.reg<r0>) -> !thumb.reg
  %b = thumb.smlad %a, %a, %n : (!thumb.reg, !thumb.reg, !thumb.reg<r2>) -> !thumb.reg
  thumb.str %b, %y, 4 : !thumb.reg, !thumb.reg<r1>
  thumb.ret
}

func.func @caller(%y: memref<4x2xi32>, %o : index, %p: index) {
  %c8 = arith.constant 8 : index
  %five = arith.constant 5 : i32
  %table = memref.get_global @table : memref<2x8xi8>
  %x = memref.reinterpret_cast %table to offset: [%o], sizes: [%c8], strides: [1] : memref<2x8xi8> to !bytes
  %z = memref.reinterpret_cast %y to offset: [%p], sizes: [%c8], strides: [1] : memref<4x2xi32> to !words
  func.call @hot_0(%x, %z, %five) : (!bytes, !words, i32) -> ()
  func.return
}

// -----

// CHECK: tinyml-c: there is no thumb.func @hot_thumb
func.func private @hot() attributes {tinyml.thumb = @hot_thumb} {
  func.return
}
