// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

// A size that is neither 1 nor the other's does not broadcast ...
func.func @main(%a: memref<2xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<2xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: shapes (2,) and (4,) do not broadcast to (4,)

// -----

// ... and the output is not broadcast itself.
func.func @main(%a: memref<1xi8>, %b: memref<1xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<1xi8>, memref<1xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: shapes (1,) and (1,) do not broadcast to (4,)

// -----

func.func @main(%a: memref<1x4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<1x4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: (1, 4) has more dimensions than the output (4,)

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 2 zero points for 3 buffers (inputs, output)

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 128, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: zero point 128 is not in [-128, 127]

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [1, 0] rounding double
  func.return
}
// CHECK: clamp [1, 0] is not [low, high]

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding away
  func.return
}
// CHECK: rounding away is not defined for sums

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 2 requant factors, expected 3 (lhs, rhs, sum)

// -----

// Rounded once, the two products have to have one unit ...
func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 2>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding even
  func.return
}
// CHECK: rounding even needs equal shifts of lhs and rhs and the factor one for the sum

// -----

// ... which is that of the sum.
func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 0>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding single
  func.return
}
// CHECK: rounding single needs equal shifts of lhs and rhs and the factor one for the sum

// -----

// Single precision takes factors of 24 bits ...
func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741825, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding f32
  func.return
}
// CHECK: requant multiplier 1073741825 has more than the 24 bits of a float

// -----

// ... and scales no sum.
func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.add ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 0>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding f32
  func.return
}
// CHECK: rounding f32 needs the factor one for the sum
