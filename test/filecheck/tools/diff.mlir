// RUN: sed 's/rounding double loc("second")/rounding single loc("second")/' %s > %t.rounding.mlir
// RUN: not tinyml diff %s %t.rounding.mlir | filecheck %s --check-prefix=ROUNDING
// RUN: sed 's/\[3, -7\]/[3, -6]/' %s > %t.weights.mlir
// RUN: not tinyml diff %s %t.weights.mlir | filecheck %s --check-prefix=WEIGHTS
// RUN: tinyml diff %s %s | filecheck %s --check-prefix=EQUAL
// RUN: tinyml-opt %s -p @default --print-debuginfo -o %t.lowered.mlir
// RUN: tinyml diff %s %t.lowered.mlir | filecheck %s --check-prefix=LOWERED
// RUN: sed 's/1x6x6x2/1x8x8x2/g' %s > %t.larger.mlir
// RUN: not tinyml diff %s %t.larger.mlir 2>&1 | filecheck %s --check-prefix=INPUTS
// RUN: not tinyml diff %s 2>&1 | filecheck %s --check-prefix=ONE

"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<2x3x3x2xi8>, initial_value = dense<[[[[3, -7], [12, 5], [-9, 4]], [[8, -2], [6, 11], [-5, 1]], [[7, 9], [-3, 2], [10, -8]]], [[[-4, 6], [5, -1], [2, 13]], [[9, 3], [-6, 7], [1, -12]], [[4, 8], [11, -10], [-2, 5]]]]> : tensor<2x3x3x2xi8>, constant}> : () -> ()
"memref.global"() <{sym_name = "v", sym_visibility = "private", type = memref<2x1x1x2xi8>, initial_value = dense<[[[[3, -2]]], [[[-1, 4]]]]> : tensor<2x1x1x2xi8>, constant}> : () -> ()
"memref.global"() <{sym_name = "r", sym_visibility = "private", type = memref<2x2xi32>, initial_value = dense<[[1234567890, -4], [1500000000, -5]]> : tensor<2x2xi32>, constant}> : () -> ()
"memref.global"() <{sym_name = "s", sym_visibility = "private", type = memref<2x2xi32>, initial_value = dense<[[1234567890, -1], [1500000000, -2]]> : tensor<2x2xi32>, constant}> : () -> ()

func.func @main(%x: memref<1x6x6x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6x6x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x6x6x2xi8>
  tinyml.conv2d ins(%x : memref<1x6x6x2xi8>) outs(%a : memref<1x6x6x2xi8>) weights @w requant @r window <[3, 3], pad = [1, 1, 1, 1]> zero_points [-3, 2] clamp [-128, 127] rounding double loc("first")
  tinyml.conv2d ins(%a : memref<1x6x6x2xi8>) outs(%y : memref<1x6x6x2xi8>) weights @v requant @s window <[1, 1]> zero_points [2, -1] clamp [-128, 127] rounding double loc("second")
  func.return
}

// The layer in front is equal.
// ROUNDING: different: layer "second" (tinyml.conv2d) at [
// ROUNDING-NEXT: cause: rounding: #tinyml<rounding single>, was #tinyml<rounding double>
// ROUNDING-NEXT: 2 layers paired by name, 0 only in the first, 0 only in the second; the first 1 are equal

// What differs first is at fault, not what it makes others do.
// WEIGHTS: different: layer "first" (tinyml.conv2d) at [
// WEIGHTS-NEXT: cause: weights at [0, 0, 0, 1] is -6, was -7 (1 of 36 differ)

// EQUAL: equal on 5 input sets: 1 outputs, 2 layers paired by name, 0 only in the first, 0 only in the second

// LOWERED: equal on 5 input sets: 1 outputs, 2 layers paired by name

// INPUTS: tinyml: input "x" is 1x6x6x2xint8 in one network and 1x8x8x2xint8 in the other; expected the same inputs
// ONE: tinyml: expected a second model, or --reference FILE
