// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%a: memref<4xi8>, %b: memref<2x2xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%a, %b : memref<4xi8>, memref<2x2xi8>) outs(%y : memref<4xi8>)
    requant <1, 0>
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: (2, 2) has more dimensions than the output (4,)

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1, 0>
    zero_points [0, 0, -129] clamp [-128, 127] rounding double
  func.return
}
// CHECK: zero point -129 is not in [-128, 127]

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1, 0>
    zero_points [0, 0, 0] clamp [0, 1000] rounding double
  func.return
}
// CHECK: clamp 1000 is not in [-128, 127]

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1, 0>
    zero_points [0, 0, 0] clamp [-128, 127] rounding away
  func.return
}
// CHECK: rounding away is not defined for products

// -----

func.func @main(%a: memref<4xi8>, %b: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.mul ins(%a, %b : memref<4xi8>, memref<4xi8>) outs(%y : memref<4xi8>)
    requant <1073741825, 0>
    zero_points [0, 0, 0] clamp [-128, 127] rounding f32
  func.return
}
// CHECK: requant multiplier 1073741825 has more than the 24 bits of a float
