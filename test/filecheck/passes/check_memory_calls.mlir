// RUN: tinyml-opt %s -p tinyml-check-memory --split-input-file | filecheck %s

// Rows that stream through a ring of two, each used a time after it was made. The output
// starts a row below the input and may not start above it.
func.func private @fill(%from: index, %to: index, %input: memref<12xi8>, %output: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %a = arith.addi %from, %i : index
    %v = memref.load %input[%a] : memref<12xi8>
    %b = arith.addi %to, %i : index
    memref.store %v, %output[%b] : memref<8xi8>
  }
  func.return
}
func.func private @drain(%from: index, %to: index, %input: memref<8xi8>, %output: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %a = arith.addi %from, %i : index
    %v = memref.load %input[%a] : memref<8xi8>
    %b = arith.addi %to, %i : index
    memref.store %v, %output[%b] : memref<12xi8>
  }
  func.return
}
func.func private @stage(%x: memref<12xi8>, %scratch: memref<8xi8>, %y: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %ring = memref.view %scratch[%c0][] : memref<8xi8> to memref<8xi8>
  scf.for %t = %c0 to %c4 step %c1 {
    %row = arith.muli %t, %c4 : index
    %slot = arith.remsi %row, %c8 : index
    %more = arith.cmpi slt, %t, %c3 : index
    scf.if %more {
      func.call @fill(%row, %slot, %x, %ring) : (index, index, memref<12xi8>, memref<8xi8>) -> ()
    }
    %due = arith.cmpi sge, %t, %c1 : index
    scf.if %due {
      %last = arith.subi %row, %c4 : index
      %from = arith.remsi %last, %c8 : index
      func.call @drain(%from, %last, %ring, %y) : (index, index, memref<8xi8>, memref<12xi8>) -> ()
    }
  }
  func.return
}
func.func @net(%arena: memref<40xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<12xi8>, at = 4 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<12xi8>, at = 0 : i64}]
} {
  %at_x = arith.constant 4 : index
  %at_s = arith.constant 16 : index
  %at_y = arith.constant 0 : index
  %x = memref.view %arena[%at_x][] : memref<40xi8> to memref<12xi8>
  %s = memref.view %arena[%at_s][] : memref<40xi8> to memref<8xi8>
  %y = memref.view %arena[%at_y][] : memref<40xi8> to memref<12xi8>
  func.call @stage(%x, %s, %y) : (memref<12xi8>, memref<8xi8>, memref<12xi8>) -> () loc("rows")
  func.return
}
// CHECK: func.call @stage(%x, %s, %y)

// -----

// What a user fills counts as written, all of it at once.
func.func private @read(i32, memref<4xi8>) attributes {tinyml.reads_input = 0 : i64}
func.func private @drain(%from: index, %to: index, %input: memref<8xi8>, %output: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %a = arith.addi %from, %i : index
    %v = memref.load %input[%a] : memref<8xi8>
    %b = arith.addi %to, %i : index
    memref.store %v, %output[%b] : memref<12xi8>
  }
  func.return
}
func.func private @stage(%x: memref<4xi8>, %scratch: memref<8xi8>, %y: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  scf.for %t = %c0 to %c3 step %c1 {
    %row = arith.muli %t, %c4 : index
    %slot = arith.remsi %row, %c8 : index
    %part = memref.view %scratch[%slot][] : memref<8xi8> to memref<4xi8>
    %number = arith.index_cast %t : index to i32
    func.call @read(%number, %part) : (i32, memref<4xi8>) -> ()
    func.call @drain(%slot, %row, %scratch, %y) : (index, index, memref<8xi8>, memref<12xi8>) -> ()
  }
  func.return
}
func.func @net(%arena: memref<24xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<12xi8>, mode = "stream", held = 8 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<12xi8>, at = 0 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c12 = arith.constant 12 : index
  %c20 = arith.constant 20 : index
  %c1_i32 = arith.constant 1 : i32
  %y = memref.view %arena[%c0][] : memref<24xi8> to memref<12xi8>
  %s = memref.view %arena[%c12][] : memref<24xi8> to memref<8xi8>
  %x = memref.view %arena[%c20][] : memref<24xi8> to memref<4xi8>
  func.call @read(%c1_i32, %x) : (i32, memref<4xi8>) -> ()
  func.call @stage(%x, %s, %y) : (memref<4xi8>, memref<8xi8>, memref<12xi8>) -> ()
  func.return
}
// CHECK: func.call @stage(%x, %s, %y)
