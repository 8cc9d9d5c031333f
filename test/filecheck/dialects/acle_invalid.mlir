// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @f(%a: i32, %i: index) {
  %r = acle.sxtb16 %a ror 4
  func.return
}
// CHECK: ror 4 is not one of (0, 8, 16, 24)

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.uxtb16 %a ror 32
  func.return
}
// CHECK: ror 32 is not one of (0, 8, 16, 24)

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.sxtab16 %a, %a ror -8
  func.return
}
// CHECK: ror -8 is not one of (0, 8, 16, 24)

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.pkhbt %a, %a lsl 32
  func.return
}
// CHECK: lsl 32 is not in [0, 31]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.pkhtb %a, %a asr 0
  func.return
}
// CHECK: asr 0 is not in [1, 32]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.pkhtb %a, %a asr 33
  func.return
}
// CHECK: asr 33 is not in [1, 32]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.ssat %a bits 0
  func.return
}
// CHECK: bits 0 is not in [1, 32]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.ssat %a bits 33
  func.return
}
// CHECK: bits 33 is not in [1, 32]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.usat %a bits -1
  func.return
}
// CHECK: bits -1 is not in [0, 31]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.usat %a bits 32
  func.return
}
// CHECK: bits 32 is not in [0, 31]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.ssat %a lsl 32 bits 8
  func.return
}
// CHECK: lsl 32 is not in [1, 31]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.usat %a asr 32 bits 8
  func.return
}
// CHECK: asr 32 is not in [1, 31]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.ssat %a lsl 1 asr 1 bits 8
  func.return
}
// CHECK: there are two shifts, lsl and asr

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.ssat16 %a bits 17
  func.return
}
// CHECK: bits 17 is not in [1, 16]

// -----

func.func @f(%a: i32, %i: index) {
  %r = acle.usat16 %a bits 16
  func.return
}
// CHECK: bits 16 is not in [0, 15]

// -----

func.func @f(%a: i32, %i: index, %m: memref<8x8xi8>) {
  %r = acle.load_word %m[%i] : memref<8x8xi8>
  func.return
}
// CHECK: memref<8x8xi8> is not one row of bytes

// -----

func.func @f(%a: i32, %i: index, %m: memref<8xi8, strided<[2]>>) {
  %r = acle.load_half %m[%i] : memref<8xi8, strided<[2]>>
  func.return
}
// CHECK: memref<8xi8, strided<[2]>> is not one row of bytes

// -----

func.func @f(%a: i32, %i: index, %m: memref<i8>) {
  acle.store_word %a, %m[%i] : memref<i8>
  func.return
}
// CHECK: memref<i8> is not one row of bytes

// -----

func.func @f(%a: i32, %i: index, %m: memref<8xi32>) {
  %r = acle.load_word %m[%i] : memref<8xi32>
  func.return
}
// CHECK: Expected attribute i8 but got i32

// -----

func.func @f(%a: i32, %i: index) {
  %r = "acle.smlad"(%a, %a, %i) : (i32, i32, index) -> i32
  func.return
}
// CHECK: Expected attribute i32 but got index

// -----

func.func @f(%a: i32, %i: index) {
  %r = "acle.smlal"(%a, %a, %a) : (i32, i32, i32) -> i64
  func.return
}
// CHECK: Expected attribute i64 but got i32

// -----

func.func @f(%a: i32, %i: index) {
  %r = "acle.pkhtb"(%a, %a) : (i32, i32) -> i32
  func.return
}
// CHECK: property 'asr' expected in operation 'acle.pkhtb'
