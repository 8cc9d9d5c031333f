// RUN: tinyml-opt %s -p tinyml-check-memory --split-input-file | filecheck %s

// A kernel that runs forwards may write a byte below what it reads, or in its place, and
// nothing of the module changes.
func.func private @copy(%input: memref<8xi8>, %output: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    %v = memref.load %input[%i] : memref<8xi8>
    memref.store %v, %output[%i] : memref<8xi8>
  }
  func.return
}
func.func @net(%arena: memref<9xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<8xi8>, at = 1 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<2x4xui8>, at = 0 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = memref.view %arena[%c1][] : memref<9xi8> to memref<8xi8>
  %a = memref.view %arena[%c1][] : memref<9xi8> to memref<8xi8>
  %y = memref.view %arena[%c0][] : memref<9xi8> to memref<2x4xi8>
  %flat = memref.reinterpret_cast %y to offset: [0], sizes: [8], strides: [1] : memref<2x4xi8> to memref<8xi8>
  func.call @copy(%x, %a) : (memref<8xi8>, memref<8xi8>) -> ()
  func.call @copy(%a, %flat) : (memref<8xi8>, memref<8xi8>) -> ()
  func.return
}
// CHECK: func.func @net(%arena: memref<9xi8>)
// CHECK: func.call @copy(%a, %flat)

// -----

// Backwards, with the output above the input; borders, a table of rows, and scratch
// memory that is written and read again in each turn. The hook has no body.
"memref.global"() <{sym_name = "rows", sym_visibility = "private", constant, type = memref<2x3xi16>, initial_value = dense<[[9, 9, 0], [0, 1, 1]]> : tensor<2x3xi16>}> : () -> ()
func.func private @repeat(%input: memref<2x3xi8>, %rows: memref<4xi16>, %scratch: memref<3xi8>, %output: memref<4x3xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %row = arith.subi %c3, %i : index
    %number = memref.load %rows[%row] : memref<4xi16>
    %source = arith.index_cast %number : i16 to index
    scf.for %c = %c0 to %c3 step %c1 {
      %v = memref.load %input[%source, %c] : memref<2x3xi8>
      memref.store %v, %scratch[%c] : memref<3xi8>
    }
    scf.for %c = %c0 to %c3 step %c1 {
      %v = memref.load %scratch[%c] : memref<3xi8>
      memref.store %v, %output[%row, %c] : memref<4x3xi8>
    }
  }
  func.return
}
func.func private @hook(i32) attributes {tinyml.hook}
func.func @net(%arena: memref<15xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<2x3xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4x3xi8>, at = 0 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c12 = arith.constant 12 : index
  %x = memref.view %arena[%c0][] : memref<15xi8> to memref<2x3xi8>
  %y = memref.view %arena[%c0][] : memref<15xi8> to memref<4x3xi8>
  %s = memref.view %arena[%c12][] : memref<15xi8> to memref<3xi8>
  %table = memref.get_global @rows : memref<2x3xi16>
  %rows = memref.reinterpret_cast %table to offset: [2], sizes: [4], strides: [1] : memref<2x3xi16> to memref<4xi16>
  func.call @repeat(%x, %rows, %s, %y) : (memref<2x3xi8>, memref<4xi16>, memref<3xi8>, memref<4x3xi8>) -> ()
  %zero = arith.constant 0 : i32
  func.call @hook(%zero) : (i32) -> ()
  func.return
}
// CHECK: func.call @repeat

// -----

// Words at once: what is written lies a word below what is read.
func.func private @words(%input: memref<8xi8>, %output: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c4 {
    %v = acle.load_word %input[%i] : memref<8xi8>
    %s = acle.sxtb16 %v ror 8
    acle.store_word %s, %output[%i] : memref<8xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<8xi8>, at = 4 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<8xi8>, at = 0 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c4][] : memref<12xi8> to memref<8xi8>
  %y = memref.view %arena[%c0][] : memref<12xi8> to memref<8xi8>
  func.call @words(%x, %y) : (memref<8xi8>, memref<8xi8>) -> ()
  func.return
}
// CHECK: func.call @words
