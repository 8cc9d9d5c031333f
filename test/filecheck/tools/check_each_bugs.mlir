// Passes with planted bugs: each is named, with the buffer, the element and both values.

// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-overlap,test-shift-halo,tinyml-plan-memory' 2>&1 | filecheck %s --check-prefix=HALO
// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-stream{first=1 layers=2},test-shift-halo' 2>&1 | filecheck %s --check-prefix=INSIDE
// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-stream{first=1 layers=2},tinyml-plan-memory,tinyml-lower-stages,test-shift-stage' 2>&1 | filecheck %s --check-prefix=STAGE
// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-plan-memory,test-free-early,tinyml-convert-layers-to-loops,tinyml-lower-arena' 2>&1 | filecheck %s --check-prefix=PLAN
// RUN: not tinyml-opt %s --load %S/Inputs/planted_bugs.py --check-each -p 'tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena,test-free-early' 2>&1 | filecheck %s --check-prefix=ARENA

"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<2x3x3x2xi8>, initial_value = dense<[[[[3, -7], [12, 5], [-9, 4]], [[8, -2], [6, 11], [-5, 1]], [[7, 9], [-3, 2], [10, -8]]], [[[-4, 6], [5, -1], [2, 13]], [[9, 3], [-6, 7], [1, -12]], [[4, 8], [11, -10], [-2, 5]]]]> : tensor<2x3x3x2xi8>, constant}> : () -> ()
"memref.global"() <{sym_name = "b", sym_visibility = "private", type = memref<2xi32>, initial_value = dense<[100, -50]> : tensor<2xi32>, constant}> : () -> ()
"memref.global"() <{sym_name = "r", sym_visibility = "private", type = memref<2x2xi32>, initial_value = dense<[[1234567890, -4], [1500000000, -5]]> : tensor<2x2xi32>, constant}> : () -> ()

func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  %c = tinyml.alloc : memref<1x4x4x2xi8>
  tinyml.conv2d ins(%x : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) weights @w bias @b requant @r window <[3, 3], pad = [1, 1, 1, 1]> zero_points [-3, 2] clamp [-128, 127] rounding double loc("first")
  tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127] loc("second")
  tinyml.conv2d ins(%b : memref<1x4x4x2xi8>) outs(%c : memref<1x4x4x2xi8>) weights @w bias @b requant @r window <[3, 3], pad = [1, 1, 1, 1]> zero_points [2, -1] clamp [-128, 127] rounding double loc("third")
  tinyml.maximum ins(%a, %c : memref<1x4x4x2xi8>, memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) loc("last")
  func.return
}

// HALO: check_each_bugs.mlir: error: test-shift-halo: changes the result (pass 2): layer "first" (tinyml.conv2d) at [0, 0, 0, 0] is -111, was -57 (20 of 32 differ), on input set minimum

// Layers of a stage are compared as others are.
// INSIDE: error: test-shift-halo: changes the result (pass 2): layer "

// When it is lowered, its tensors are not whole any more but for the last.
// STAGE: error: test-shift-stage: changes the result (pass 4): layer "third" (tinyml.

// A plan is followed before anything is in an arena.
// PLAN: error: test-free-early: breaks the network (pass 2): layer "last" reads %a at [0, 0, 0, 0], where %c was written: it is 49, was 42

// ARENA: error: test-free-early: changes the result (pass 4): layer "third" (tinyml.conv2d) at [0, 0, 0, 1] is -17, was -11
