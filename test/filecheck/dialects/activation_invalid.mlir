// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

"memref.global"() <{sym_name = "t", type = memref<128xi8>, initial_value = dense<0> : tensor<128xi8>, sym_visibility = "private", constant}> : () -> ()
func.func @table(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.lookup ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) table @t
  func.return
}
// CHECK: @t is memref<128xi8>, expected memref<256xi8>

// -----

func.func @shape(%x: memref<4xi8>, %y: memref<2x2xi8>) {
  tinyml.lookup ins(%x : memref<4xi8>) outs(%y : memref<2x2xi8>) table @t
  func.return
}
// CHECK: shapes (4,) and (2, 2) differ

// -----

func.func @factors(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.prelu ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) alpha @a requant [#tinyml.requant<1073741824, 1>] zero_points [0, 0, 0] rounding double
  func.return
}
// CHECK: 1 requant factors, expected 2 (positive, negative)

// -----

func.func @points(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.prelu ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) alpha @a requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>] zero_points [0, 0, 200] rounding double
  func.return
}
// CHECK: zero points [0, 0, 200] are not 3 bytes (input, alpha, output)

// -----

func.func @rounding(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.prelu ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) alpha @a requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>] zero_points [0, 0, 0] rounding away
  func.return
}
// CHECK: rounding away is not defined for products
