// RUN: tinyml-opt %s -p tinyml-check-memory --split-input-file --verify-diagnostics | filecheck %s

// The output a byte too near to the input.
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
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<12xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<12xi8>, at = 5 : i64}]
} {
  %at_x = arith.constant 0 : index
  %at_s = arith.constant 16 : index
  %at_y = arith.constant 5 : index
  %x = memref.view %arena[%at_x][] : memref<40xi8> to memref<12xi8>
  %s = memref.view %arena[%at_s][] : memref<40xi8> to memref<8xi8>
  %y = memref.view %arena[%at_y][] : memref<40xi8> to memref<12xi8>
  func.call @stage(%x, %s, %y) : (memref<12xi8>, memref<8xi8>, memref<12xi8>) -> () loc("rows")
  func.return
}
// CHECK: @stage ("rows"): byte 8 of %x (8 of the arena) was overwritten with %y by @stage ("rows")

// -----

// A row that is read before it is made.
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
    %more = arith.cmpi eq, %t, %c2 : index
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
// CHECK: @stage ("rows"): byte 0 of %scratch.ring (16 of the arena) was never written, and 7 more were

// -----

// A ring on the input, of which a row is still needed.
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
  %at_s = arith.constant 12 : index
  %at_y = arith.constant 0 : index
  %x = memref.view %arena[%at_x][] : memref<40xi8> to memref<12xi8>
  %s = memref.view %arena[%at_s][] : memref<40xi8> to memref<8xi8>
  %y = memref.view %arena[%at_y][] : memref<40xi8> to memref<12xi8>
  func.call @stage(%x, %s, %y) : (memref<12xi8>, memref<8xi8>, memref<12xi8>) -> () loc("rows")
  func.return
}
// CHECK: @stage ("rows"): byte 8 of %x (12 of the arena) was overwritten with %scratch.ring by @stage ("rows"), and 3 more were

// -----

// A kernel beyond the ring that it gets, though not beyond the scratch memory.
func.func private @fill(%from: index, %to: index, %input: memref<12xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %a = arith.addi %from, %i : index
    %v = memref.load %input[%a] : memref<12xi8>
    %b = arith.addi %to, %i : index
    memref.store %v, %output[%b] : memref<4xi8>
  }
  func.return
}
func.func private @drain(%from: index, %to: index, %input: memref<4xi8>, %output: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %a = arith.addi %from, %i : index
    %v = memref.load %input[%a] : memref<4xi8>
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
  %ring = memref.view %scratch[%c0][] : memref<8xi8> to memref<4xi8>
  scf.for %t = %c0 to %c4 step %c1 {
    %row = arith.muli %t, %c4 : index
    %slot = arith.remsi %row, %c8 : index
    %more = arith.cmpi slt, %t, %c3 : index
    scf.if %more {
      func.call @fill(%row, %slot, %x, %ring) : (index, index, memref<12xi8>, memref<4xi8>) -> ()
    }
    %due = arith.cmpi sge, %t, %c1 : index
    scf.if %due {
      %last = arith.subi %row, %c4 : index
      %from = arith.remsi %last, %c8 : index
      func.call @drain(%from, %last, %ring, %y) : (index, index, memref<4xi8>, memref<12xi8>) -> ()
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
// CHECK: @stage ("rows"): accesses byte 7 of %ring, which has 4 bytes

// -----

// A ring beyond the scratch memory.
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
  %ring = memref.view %scratch[%c1][] : memref<8xi8> to memref<8xi8>
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
// CHECK: @stage ("rows"): makes %ring of the bytes 1 to 8 of %scratch, which has 8

// -----

// Rings that share bytes.
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
func.func private @stage(%x: memref<12xi8>, %scratch: memref<12xi8>, %y: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %a = memref.view %scratch[%c0][] : memref<12xi8> to memref<8xi8>
  %b = memref.view %scratch[%c4][] : memref<12xi8> to memref<8xi8>
  func.call @fill(%c0, %c4, %x, %a) : (index, index, memref<12xi8>, memref<8xi8>) -> ()
  func.call @fill(%c0, %c0, %x, %b) : (index, index, memref<12xi8>, memref<8xi8>) -> ()
  func.call @drain(%c4, %c0, %a, %y) : (index, index, memref<8xi8>, memref<12xi8>) -> ()
  func.return
}
func.func @net(%arena: memref<40xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<12xi8>, at = 16 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<12xi8>, at = 28 : i64}]
} {
  %at_x = arith.constant 16 : index
  %at_s = arith.constant 0 : index
  %at_y = arith.constant 28 : index
  %x = memref.view %arena[%at_x][] : memref<40xi8> to memref<12xi8>
  %s = memref.view %arena[%at_s][] : memref<40xi8> to memref<12xi8>
  %y = memref.view %arena[%at_y][] : memref<40xi8> to memref<12xi8>
  func.call @stage(%x, %s, %y) : (memref<12xi8>, memref<12xi8>, memref<12xi8>) -> () loc("rows")
  func.return
}
// CHECK: @stage ("rows"): byte 4 of %scratch.a (4 of the arena) was overwritten with %scratch.b by @stage ("rows"), and 3 more were

// -----

// A function that nobody has written yet.
func.func private @fill(index, index, memref<12xi8>, memref<8xi8>)
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
// CHECK: @stage ("rows"): func.call accesses memory in unknown ways

// -----

// What a call says of itself does not count.
func.func private @fill(index, index, memref<12xi8>, memref<8xi8>)
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
      func.call @fill(%row, %slot, %x, %ring) {tinyml.reads_input} : (index, index, memref<12xi8>, memref<8xi8>) -> ()
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
// CHECK: @stage ("rows"): func.call accesses memory in unknown ways

// -----

// A row that the user fills, beyond its buffer.
func.func private @read(memref<4xi8>) attributes {tinyml.reads_input = 0 : i64}
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
  scf.for %t = %c0 to %c4 step %c1 {
    %at = arith.muli %t, %c2 : index
    %row = memref.view %scratch[%at][] : memref<8xi8> to memref<4xi8>
    func.call @read(%row) : (memref<4xi8>) -> ()
  }
  func.call @drain(%c0, %c0, %scratch, %y) : (index, index, memref<8xi8>, memref<12xi8>) -> ()
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
// CHECK: @stage ("rows"): accesses byte 9 of %scratch, which has 8 bytes

// -----

// Nothing calls itself.
func.func private @again(%input: memref<12xi8>) {
  func.call @again(%input) : (memref<12xi8>) -> ()
  func.return
}
func.func private @stage(%x: memref<12xi8>, %scratch: memref<8xi8>, %y: memref<12xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  func.call @again(%x) : (memref<12xi8>) -> ()
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
// CHECK: @stage ("rows"): @again calls itself
