// RUN: tinyml-opt %s -t tinyml-c > %t.c
// RUN: filecheck %s < %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

!row = memref<34x16xi8, strided<[16, 1], offset: ?>>

"memref.global"() <{sym_name = "table", type = memref<4x2xi32>, initial_value = dense<1> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func private @kernel(%x: memref<2x2xi8> {llvm.readonly}, %table: memref<4x2xi32> {llvm.readonly}, %y: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // A reshape is another name for the same pointer.
  %flat = memref.reinterpret_cast %x to offset: [0], sizes: [4], strides: [1] : memref<2x2xi8> to memref<4xi8>
  scf.for %i = %c0 to %c1 step %c1 {
    %a = memref.load %flat[%i] : memref<4xi8>
    %b = memref.load %x[%i, %c1] : memref<2x2xi8>
    %c = arith.addi %a, %b : i8
    memref.store %c, %y[%c1] : memref<4xi8>
    %factor = memref.load %table[%i, %c0] : memref<4x2xi32>
    %d = arith.trunci %factor : i32 to i8
    memref.store %d, %y[%c0] : memref<4xi8>
  }
  func.return
}
// Only arguments marked `llvm.readonly` are const.
// CHECK:      static void kernel(const int8_t *x, const int32_t *table_1, int8_t *y) {
// CHECK-NEXT:   for (int32_t i = 0; i < 1; i += 1) {
// CHECK-NEXT:     const int8_t a = x[i];
// CHECK-NEXT:     const int8_t b = x[i * 2 + 1];
// CHECK-NEXT:     y[1] = (int8_t)((uint8_t)a + (uint8_t)b);
// CHECK-NEXT:     const int32_t factor = table_1[i * 2];
// CHECK-NEXT:     y[0] = (int8_t)factor;

func.func @network(%arena: memref<64xi8>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  // A view of the arena's start is the arena, if it holds bytes as well.
  %x = memref.view %arena[%c0][] : memref<64xi8> to memref<2x2xi8>
  %y = memref.view %arena[%c8][] : memref<64xi8> to memref<4xi8>
  %words = memref.view %arena[%c8][] : memref<64xi8> to memref<4xi32>
  %first = memref.view %arena[%c0][] : memref<64xi8> to memref<4xi32>
  %unused = memref.view %arena[%c8][] : memref<64xi8> to memref<4xi8>
  %table = memref.get_global @table : memref<4x2xi32>
  func.call @kernel(%x, %table, %y) : (memref<2x2xi8>, memref<4x2xi32>, memref<4xi8>) -> ()
  %word = memref.load %words[%c0] : memref<4xi32>
  memref.store %word, %first[%c0] : memref<4xi32>
  func.return
}
// CHECK:      void network(int8_t *arena) {
// CHECK-NEXT:   int8_t *x = arena;
// CHECK-NEXT:   int8_t *y = arena + 8;
// CHECK-NEXT:   int32_t *words = (int32_t *)(void *)(arena + 8);
// CHECK-NEXT:   int32_t *first = (int32_t *)(void *)(arena);
// CHECK-NEXT:   kernel(x, table, y);
// CHECK-NEXT:   const int32_t word = words[0];
// CHECK-NEXT:   first[0] = word;
// CHECK-NEXT: }

// A subview steps by the strides of its source; what is const stays const.
func.func @rows(%image: memref<32x34x16xi8> {llvm.readonly}, %out: memref<32x34x16xi8>, %y: index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %from = memref.subview %image[%y, 1, 0] [1, 34, 16] [1, 1, 1] : memref<32x34x16xi8> to !row
  %to = memref.subview %out[3, 0, %c2] [1, 34, 16] [1, 1, 1] : memref<32x34x16xi8> to !row
  %start = memref.subview %out[0, 0, 0] [1, 34, 16] [1, 1, 1] : memref<32x34x16xi8> to !row
  %v = memref.load %from[%y, %c1] : !row
  memref.store %v, %to[%c1, %c2] : !row
  memref.store %v, %start[%c1, %c2] : !row
  func.return
}
// CHECK:      void rows(const int8_t *image, int8_t *out, int32_t y) {
// CHECK-NEXT:   const int8_t *from = image + y * 544 + 16;
// CHECK-NEXT:   int8_t *to = out + 1634;
// CHECK-NEXT:   const int8_t v = from[y * 16 + 1];
// CHECK-NEXT:   to[18] = v;
// CHECK-NEXT:   out[18] = v;

// A choice among pointers is const if one of them is.
func.func @choice(%which: i1, %a: memref<4xi8>, %b: memref<4xi8> {llvm.readonly}, %y: memref<1xi8>) {
  %c0 = arith.constant 0 : index
  %chosen = scf.if %which -> (memref<4xi8>) {
    scf.yield %a : memref<4xi8>
  } else {
    scf.yield %b : memref<4xi8>
  }
  %v = memref.load %chosen[%c0] : memref<4xi8>
  memref.store %v, %y[%c0] : memref<1xi8>
  func.return
}
// CHECK:      void choice(int32_t which, int8_t *a, const int8_t *b, int8_t *y) {
// CHECK-NEXT:   const int8_t *chosen;
// CHECK-NEXT:   if (which) {
// CHECK-NEXT:     chosen = a;
// CHECK-NEXT:   } else {
// CHECK-NEXT:     chosen = b;
// CHECK-NEXT:   }
