// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<1x10xi8>, %y: memref<10xi8>) {
  tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<10xi8>)
    requant <1381073408, 24> rounding double
  func.return
}
// CHECK: shapes (1, 10) and (10,) differ

// -----

func.func @main(%x: memref<i8>, %y: memref<i8>) {
  tinyml.softmax ins(%x : memref<i8>) outs(%y : memref<i8>)
    requant <1381073408, 24> rounding double
  func.return
}
// CHECK: memref<i8> has no dimensions

// -----

func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.softmax ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    requant <1381073408, -1> rounding double
  func.return
}
// CHECK: requant <1381073408, -1> is below one half

// -----

// The sum has 12 bits before the point, and each term is at most 1.
func.func @main(%x: memref<4096xi8>, %y: memref<4096xi8>) {
  tinyml.softmax ins(%x : memref<4096xi8>) outs(%y : memref<4096xi8>)
    requant <1381073408, 24> rounding double
  func.return
}
// CHECK: 4096 classes overflow the sum, at most 4095

// -----

func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.softmax ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    requant <1381073408, 24> rounding single
  func.return
}
// CHECK: softmax is defined with rounding double only

// -----

"memref.global"() <{sym_name = "exp", type = memref<256xi32>, initial_value = dense<1> : tensor<256xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.softmax_lookup ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    exponentials @exp requant <2139095040, 7> zero_points [-128]
  func.return
}
// CHECK: requant <2139095040, 7> is not from 128 to 2^30

// -----

"memref.global"() <{sym_name = "exp", type = memref<256xi32>, initial_value = dense<1> : tensor<256xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<4096xi8>, %y: memref<4096xi8>) {
  tinyml.softmax_lookup ins(%x : memref<4096xi8>) outs(%y : memref<4096xi8>)
    exponentials @exp requant <2139095040, 8> zero_points [-128]
  func.return
}
// CHECK: 4096 classes overflow the sum, at most 4095

// -----

"memref.global"() <{sym_name = "exp", type = memref<256xi32>, initial_value = dense<1> : tensor<256xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.softmax_lookup ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    exponentials @exp requant <2139095040, 8> zero_points [128]
  func.return
}
// CHECK: zero points [128] are not one byte

// -----

"memref.global"() <{sym_name = "exp", type = memref<255xi32>, initial_value = dense<1> : tensor<255xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.softmax_lookup ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    exponentials @exp requant <2139095040, 8> zero_points [-128]
  func.return
}
// CHECK: exp

// -----

func.func @main(%x: memref<4096xi8>, %y: memref<4096xi8>) {
  tinyml.log_softmax ins(%x : memref<4096xi8>) outs(%y : memref<4096xi8>)
    requant <1381073408, 24> rounding double
  func.return
}
// CHECK: 4096 classes overflow the sum, at most 4095

// -----

func.func @main(%x: memref<10xi8>, %y: memref<10xi8>) {
  tinyml.log_softmax ins(%x : memref<10xi8>) outs(%y : memref<10xi8>)
    requant <1381073408, 24> rounding even
  func.return
}
// CHECK: softmax is defined with rounding double only
