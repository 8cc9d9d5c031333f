// RUN: tinyml-opt %s -p tinyml-mark-readonly | filecheck %s

// Callees come first, wherever they stand: %x goes only where it is not written.
// CHECK:      func.func @caller(%x: memref<4xi8> {llvm.readonly}, %y: memref<4xi8>)
func.func @caller(%x: memref<4xi8>, %y: memref<4xi8>) {
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}

// CHECK:      func.func private @copy(%x: memref<4xi8> {llvm.readonly}, %y: memref<4xi8>)
func.func private @copy(%x: memref<4xi8>, %y: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<4xi8>
  memref.store %v, %y[%c0] : memref<4xi8>
  func.return
}

// Through views; a scalar is no buffer; what is marked otherwise stays so.
// CHECK:      func.func @views(%x: memref<4xi8> {tinyml.at = 0 : i64, llvm.readonly}, %y: memref<4xi8>, %n: index)
func.func @views(%x: memref<4xi8> {tinyml.at = 0 : i64}, %y: memref<4xi8>, %n: index) {
  %a = memref.reinterpret_cast %x to offset: [0], sizes: [2, 2], strides: [2, 1] : memref<4xi8> to memref<2x2xi8>
  %b = memref.view %y[%n][] : memref<4xi8> to memref<2xi8>
  %v = memref.load %a[%n, %n] : memref<2x2xi8>
  memref.store %v, %b[%n] : memref<2xi8>
  func.return
}

// A copy reads its source and writes its target.
// CHECK:      func.func @memref_copy(%x: memref<4xi8> {llvm.readonly}, %y: memref<4xi8>)
func.func @memref_copy(%x: memref<4xi8>, %y: memref<4xi8>) {
  "memref.copy"(%x, %y) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}

// Whoever is not known may write: an op, a loop that carries the buffer, a declaration.
// CHECK:      func.func @unknown(%a: memref<4xi8>, %b: memref<4xi8>, %c: memref<4xi8>, %unused: memref<4xi8> {llvm.readonly})
func.func @unknown(%a: memref<4xi8>, %b: memref<4xi8>, %c: memref<4xi8>, %unused: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  "test.op"(%a) : (memref<4xi8>) -> ()
  %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%p = %b) -> (memref<4xi8>) {
    scf.yield %p : memref<4xi8>
  }
  func.call @declared(%c) : (memref<4xi8>) -> ()
  func.return
}

// What it writes, a declaration does not say.
// CHECK:      func.func private @declared(memref<4xi8>) -> ()
func.func private @declared(memref<4xi8>) -> ()

// Recursion is not handled, which leaves the argument unmarked.
// CHECK:      func.func @recursive(%x: memref<4xi8>)
func.func @recursive(%x: memref<4xi8>) {
  func.call @recursive(%x) : (memref<4xi8>) -> ()
  func.return
}

// Words of bytes are loaded and stored, too.
// CHECK:      func.func @words(%x: memref<8xi8> {llvm.readonly}, %y: memref<8xi8>)
func.func @words(%x: memref<8xi8>, %y: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %w = acle.load_word %x[%c0] : memref<8xi8>
  %h = acle.load_half %x[%c0] : memref<8xi8>
  %r = acle.smuad %w, %h
  acle.store_word %r, %y[%c0] : memref<8xi8>
  func.return
}
