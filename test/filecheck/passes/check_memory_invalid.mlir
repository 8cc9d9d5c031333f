// RUN: tinyml-opt %s -p tinyml-check-memory --split-input-file --verify-diagnostics | filecheck %s

// A neighbour that is still needed: a is read once more after b was written over it.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<16xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c10 = arith.constant 10 : index
  %x = memref.view %arena[%c0][] : memref<16xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<16xi8> to memref<4xi8>
  %a = memref.view %arena[%c8][] : memref<16xi8> to memref<4xi8>
  %b = memref.view %arena[%c10][] : memref<16xi8> to memref<4xi8>
  func.call @copy(%x, %a) : (memref<4xi8>, memref<4xi8>) -> () loc("x to a")
  func.call @copy(%a, %b) : (memref<4xi8>, memref<4xi8>) -> () loc("a to b")
  func.call @copy(%b, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("b to y")
  func.call @copy(%a, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("a to y")
  func.return
}
// CHECK: @copy ("a to b"): byte 2 of %a (10 of the arena) was overwritten with %b by @copy ("a to b"), and 1 more were

// -----

// The same neighbour, overwritten by another layer.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<20xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c11 = arith.constant 11 : index
  %c15 = arith.constant 15 : index
  %x = memref.view %arena[%c0][] : memref<20xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<20xi8> to memref<4xi8>
  %a = memref.view %arena[%c8][] : memref<20xi8> to memref<4xi8>
  %b = memref.view %arena[%c15][] : memref<20xi8> to memref<4xi8>
  %c = memref.view %arena[%c11][] : memref<20xi8> to memref<4xi8>
  func.call @copy(%x, %a) : (memref<4xi8>, memref<4xi8>) -> () loc("x to a")
  func.call @copy(%x, %b) : (memref<4xi8>, memref<4xi8>) -> () loc("x to b")
  func.call @copy(%b, %c) : (memref<4xi8>, memref<4xi8>) -> () loc("b to c")
  func.call @copy(%a, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("a to y")
  func.return
}
// CHECK: @copy ("a to y"): byte 3 of %a (11 of the arena) was overwritten with %c by @copy ("b to c")

// -----

// The output one element too near: forwards, it may lie below the input, not above.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<5xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 1 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = memref.view %arena[%c0][] : memref<5xi8> to memref<4xi8>
  %y = memref.view %arena[%c1][] : memref<5xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: @copy ("x to y"): byte 1 of %x (1 of the arena) was overwritten with %y by @copy ("x to y"), and 2 more were

// -----

// Nobody wrote what is read.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %a = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%a, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("a to y")
  func.return
}
// CHECK: @copy ("a to y"): byte 0 of %a (8 of the arena) was never written, and 3 more were

// -----

// A buffer in the place of another one, of which nothing was written.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %a = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%a, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("a to y")
  func.return
}
// CHECK: @copy ("a to y"): byte 0 of %a (0 of the arena) was overwritten with %x by the network's user, and 3 more were

// -----

// The output is clobbered after it was written, by a buffer in exactly its place.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %a = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.call @copy(%x, %a) : (memref<4xi8>, memref<4xi8>) -> () loc("x to a")
  func.return
}
// CHECK: output "y": byte 0 of %y (4 of the arena) was overwritten with %a by @copy ("x to a"), and 3 more were

// -----

// An output that nobody writes.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %a = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %a) : (memref<4xi8>, memref<4xi8>) -> () loc("x to a")
  func.return
}
// CHECK: output "y" is never written

// -----

// Inputs that share a byte.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}, {tensor = #tinyml.tensor<"z">, type = memref<4xi8>, at = 3 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 8 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %z = memref.view %arena[%c3][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: @copy ("x to y"): byte 3 of %x (3 of the arena) was overwritten with %z by the network's user

// -----

// A view beyond the arena.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<6xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<6xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<6xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: %y has the bytes 4 to 7 of an arena of 6

// -----

// A kernel beyond its buffer, though not beyond the arena.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 5 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: @copy ("x to y"): accesses byte 4 of %input, which has 4 bytes

// -----

// Scratch memory that hits a live byte.
func.func private @copy(%input: memref<4xi8>, %scratch: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %scratch[%i] : memref<4xi8>
    %w = memref.load %scratch[%i] : memref<4xi8>
    memref.store %w, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 8 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  %s = memref.view %arena[%c3][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %s, %y) : (memref<4xi8>, memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
// CHECK: @copy: byte 3 of %x (3 of the arena) was overwritten with %s by @copy

// -----

// Scratch memory that is read before it is written.
func.func private @copy(%input: memref<4xi8>, %scratch: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %w = memref.load %scratch[%i] : memref<4xi8>
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %scratch[%i] : memref<4xi8>
    memref.store %w, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %s = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %s, %y) : (memref<4xi8>, memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
// CHECK: @copy: byte 0 of %s (8 of the arena) was never written, and 3 more were

// -----

// An address that depends on data cannot be followed.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %v = memref.load %input[%c0] : memref<4xi8>
  %i = arith.index_cast %v : i8 to index
  memref.store %v, %output[%i] : memref<4xi8>
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %s = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: @copy ("x to y"): the address of a memref.store depends on a memref.load, which is not known

// -----

// So with ops that do not say which bytes they access.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  "memref.copy"(%input, %output) : (memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %s = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
  func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> () loc("x to y")
  func.return
}
// CHECK: @copy ("x to y"): memref.copy accesses memory in unknown ways

// -----

// Loops in the network itself are not followed.
func.func private @copy(%input: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<12xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %x = memref.view %arena[%c0][] : memref<12xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
  %one = arith.constant 1 : index
  scf.for %i = %c0 to %c4 step %one {
    func.call @copy(%x, %y) : (memref<4xi8>, memref<4xi8>) -> ()
  }
  func.return
}
// CHECK: scf.for in @net: expected views of the arena and calls of kernels

// -----

// There has to be an arena.
func.func @net() {
  func.return
}
// CHECK: there is no network in an arena; run tinyml-lower-arena first

// -----

// Two buffers that take turns in one byte are refused, though these turns fit.
func.func private @copy(%input: memref<4xi8>, %one: memref<4xi8>, %two: memref<4xi8>, %output: memref<4xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.load %input[%i] : memref<4xi8>
    memref.store %v, %one[%c0] : memref<4xi8>
    %a = memref.load %one[%c0] : memref<4xi8>
    memref.store %a, %two[%c0] : memref<4xi8>
    %b = memref.load %two[%c0] : memref<4xi8>
    memref.store %b, %output[%i] : memref<4xi8>
  }
  func.return
}
func.func @net(%arena: memref<16xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<4xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<4xi8>, at = 4 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %x = memref.view %arena[%c0][] : memref<16xi8> to memref<4xi8>
  %y = memref.view %arena[%c4][] : memref<16xi8> to memref<4xi8>
  %s = memref.view %arena[%c8][] : memref<16xi8> to memref<4xi8>
  %t = memref.view %arena[%c8][] : memref<16xi8> to memref<4xi8>
  func.call @copy(%x, %s, %t, %y) : (memref<4xi8>, memref<4xi8>, memref<4xi8>, memref<4xi8>) -> ()
  func.return
}
// CHECK: @copy: byte 0 of %s (8 of the arena) was overwritten with %t by @copy

// -----

// A slip of the planner, rather than a network for a microcontroller.
func.func @net(%arena: memref<67108865xi8>) attributes {tinyml.inputs = [], tinyml.outputs = []} {
  func.return
}
// CHECK: the network needs an arena of 67108865 bytes, at most 67108864 can be checked

// -----

// The last byte of the first word that is stored is the first of the next that is read.
func.func private @words(%input: memref<8xi8>, %output: memref<8xi8>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c4 {
    %v = acle.load_word %input[%i] : memref<8xi8>
    acle.store_word %v, %output[%i] : memref<8xi8>
  }
  func.return
}
func.func @net(%arena: memref<9xi8>) attributes {
  tinyml.inputs = [{tensor = #tinyml.tensor<"x">, type = memref<8xi8>, at = 0 : i64}],
  tinyml.outputs = [{tensor = #tinyml.tensor<"y">, type = memref<8xi8>, at = 1 : i64}]
} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = memref.view %arena[%c0][] : memref<9xi8> to memref<8xi8>
  %y = memref.view %arena[%c1][] : memref<9xi8> to memref<8xi8>
  func.call @words(%x, %y) : (memref<8xi8>, memref<8xi8>) -> ()
  func.return
}
// CHECK: @words: byte 4 of %x (4 of the arena) was overwritten with %y by @words
