// RUN: not tinyml-opt %s --load %S/Inputs/crash.py -p 'tinyml-overlap,test-crash,tinyml-plan-memory' --crash-reproducer %t.mlir 2>&1 | filecheck %s --check-prefix=CRASH
// RUN: filecheck %s --check-prefix=FILE < %t.mlir
// RUN: not tinyml-opt %t.mlir --load %S/Inputs/crash.py -p test-crash --crash-reproducer %t.again.mlir 2>&1 | filecheck %s --check-prefix=AGAIN

// What a pass refuses is no crash, but one may ask for the same.
// RUN: rm %t.mlir
// RUN: not tinyml-opt %s --load %S/Inputs/crash.py -p 'test-crash{how=fail}' --crash-reproducer %t.mlir 2>&1 | filecheck %s --check-prefix=FAIL
// RUN: not ls %t.mlir
// RUN: not tinyml-opt %s --load %S/Inputs/crash.py -p 'test-crash{how=fail}' --crash-reproducer %t.mlir --reproducer 2>&1 | filecheck %s --check-prefix=FAILED
// RUN: not tinyml-opt %t.mlir --load %S/Inputs/crash.py -p 'test-crash{how=fail}'
// RUN: not tinyml-opt %s --load %S/Inputs/crash.py -p 'test-crash{how=break}' 2>&1 | filecheck %s --check-prefix=BREAK

// RUN: tinyml-reduce %s --load %S/Inputs/crash.py -p 'tinyml-overlap,test-crash' -o %t.small.mlir 2>&1 | filecheck %s --check-prefix=TOLD
// RUN: filecheck %s --check-prefix=SMALL < %t.small.mlir
// RUN: tinyml-reduce %s --test 'tinyml-opt %%s --load %S/Inputs/crash.py -p test-crash{how=fail}' -o %t.tested.mlir
// RUN: filecheck %s --check-prefix=SMALL < %t.tested.mlir
// RUN: tinyml-reduce %s --load %S/Inputs/crash.py -p 'test-crash{how=miscompile}' --check-each -o %t.wrong.mlir
// RUN: filecheck %s --check-prefix=SMALL < %t.wrong.mlir
// RUN: not tinyml-opt %t.wrong.mlir --load %S/Inputs/crash.py -p 'test-crash{how=miscompile}' --check-each --reproducer --crash-reproducer %t.mlir 2>&1 | filecheck %s --check-prefix=WRONG
// RUN: not tinyml-reduce %s -p tinyml-overlap -o %t.none.mlir 2>&1 | filecheck %s --check-prefix=NONE

"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<4xi8>, initial_value = dense<3> : tensor<4xi8>, constant}> : () -> ()
func.func @network(%x: memref<2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %b0 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%x : memref<2x2xi8>) outs(%b0 : memref<4xi8>)
  %b1 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b0 : memref<4xi8>) outs(%b1 : memref<2x2xi8>)
  %b2 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b1 : memref<2x2xi8>) outs(%b2 : memref<4xi8>)
  %b3 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b2 : memref<4xi8>) outs(%b3 : memref<2x2xi8>)
  %b4 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b3 : memref<2x2xi8>) outs(%b4 : memref<4xi8>)
  %b5 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b4 : memref<4xi8>) outs(%b5 : memref<2x2xi8>)
  %b6 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b5 : memref<2x2xi8>) outs(%b6 : memref<4xi8>)
  %b7 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b6 : memref<4xi8>) outs(%b7 : memref<2x2xi8>)
  %b8 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b7 : memref<2x2xi8>) outs(%b8 : memref<4xi8>)
  %b9 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b8 : memref<4xi8>) outs(%b9 : memref<2x2xi8>)
  %b10 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b9 : memref<2x2xi8>) outs(%b10 : memref<4xi8>)
  %b11 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b10 : memref<4xi8>) outs(%b11 : memref<2x2xi8>)
  %b12 = tinyml.alloc : memref<2x2xi8>
  tinyml.transpose ins(%b11 : memref<2x2xi8>) outs(%b12 : memref<2x2xi8>) permutation [1, 0]
  %b13 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b12 : memref<2x2xi8>) outs(%b13 : memref<4xi8>)
  %b14 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b13 : memref<4xi8>) outs(%b14 : memref<2x2xi8>)
  %b15 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b14 : memref<2x2xi8>) outs(%b15 : memref<4xi8>)
  %b16 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b15 : memref<4xi8>) outs(%b16 : memref<2x2xi8>)
  %b17 = tinyml.alloc : memref<4xi8>
  tinyml.reshape ins(%b16 : memref<2x2xi8>) outs(%b17 : memref<4xi8>)
  %b18 = tinyml.alloc : memref<2x2xi8>
  tinyml.reshape ins(%b17 : memref<4xi8>) outs(%b18 : memref<2x2xi8>)
  tinyml.reshape ins(%b18 : memref<2x2xi8>) outs(%y : memref<4xi8>)
  func.return
}

// CRASH: tinyml-opt: internal error in test-crash, please report it with {{.*}}.mlir: IndexError: tuple index out of range (--debug shows where it comes from)
// FILE:      // RU{{N}}: tinyml-opt %s --load {{.*}}crash.py -p test-crash,tinyml-plan-memory
// FILE-NEXT: builtin.module {
// FILE:      tinyml.reuse
// AGAIN: tinyml-opt: internal error in test-crash

// FAIL: crash.mlir: error: test-crash: tinyml.transpose is too much
// FAILED: crash.mlir: error: test-crash: tinyml.transpose is too much (again with {{.*}}.mlir)
// BREAK: crash.mlir:{{[0-9]+}}:3: error: 'tinyml.transpose' op {{.*}}permutation{{.*}} (after test-crash)

// Of twenty layers the one that matters is left.
// TOLD:       20 layers become 1
// SMALL-NOT:  memref.global
// SMALL:      func.func @network(%b11: memref<2x2xi8> {tinyml.input
// SMALL-SAME:   %b12: memref<2x2xi8> {tinyml.output
// SMALL-NEXT:   tinyml.transpose
// SMALL-NEXT:   func.return
// WRONG: (again with {{.*}}.mlir)
// NONE: tinyml-reduce: {{.*}}crash.mlir: tinyml-overlap does not fail
