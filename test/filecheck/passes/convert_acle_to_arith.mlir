// RUN: tinyml-opt %s -p tinyml-convert-acle-to-arith | filecheck %s

func.func @multiply(%a: i32, %b: i32) -> i32 {
  %product = acle.smulbt %a, %b
  func.return %product : i32
}
// CHECK:      func.func @multiply(%a: i32, %b: i32) -> i32 {
// CHECK:        %product = arith.muli %{{.*}}, %{{.*}} : i32
// CHECK-NEXT:   func.return %product : i32

// No shift of i32 is by 32: nothing but the sign is left.
func.func @pack(%a: i32, %b: i32) -> i32 {
  %r = acle.pkhtb %a, %b asr 32
  func.return %r : i32
}
// CHECK:      func.func @pack
// CHECK-NEXT:   %c31_i32 = arith.constant 31 : i32
// CHECK-NEXT:   arith.shrsi %b, %c31_i32 : i32
// CHECK:        arith.constant 65535 : i32
// CHECK:        arith.constant -65536 : i32

// A word is four bytes, the lowest first, of which the last has its sign.
func.func @memory(%x: memref<8xi8>, %i: index) {
  %w = acle.load_word %x[%i] : memref<8xi8>
  acle.store_word %w, %x[%i] : memref<8xi8>
  func.return
}
// CHECK:      func.func @memory
// CHECK:        memref.load %x[%i] : memref<8xi8>
// CHECK-NEXT:   arith.extui
// CHECK:        memref.load
// CHECK-NEXT:   arith.extui
// CHECK:        memref.load
// CHECK-NEXT:   arith.extui
// CHECK:        memref.load
// CHECK-NEXT:   arith.extsi
// CHECK:        %w = arith.ori
// CHECK-COUNT-4: memref.store
// CHECK-NOT:    acle.
