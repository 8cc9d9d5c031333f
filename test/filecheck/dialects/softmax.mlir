// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @softmax(%x: memref<1x10xi8>, %y: memref<1x10xi8>, %map: memref<1x4x4x3xi8>, %shares: memref<1x4x4x3xi8>) {
  tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
    requant <1381073408, 24> rounding double
  // CHECK: tinyml.softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>) requant <1381073408, 24> rounding double
  // CHECK-GENERIC: "tinyml.softmax"(%x, %y) <{requant = #tinyml.requant<1381073408, 24>, rounding = #tinyml<rounding double>}> : (memref<1x10xi8>, memref<1x10xi8>) -> ()

  // Along the last of any number of dimensions.
  tinyml.softmax ins(%map : memref<1x4x4x3xi8>) outs(%shares : memref<1x4x4x3xi8>)
    requant <1381073408, 0> rounding double {note = 1 : i64}
  // CHECK: tinyml.softmax ins(%map : memref<1x4x4x3xi8>) outs(%shares : memref<1x4x4x3xi8>) requant <1381073408, 0> rounding double {note = 1 : i64}

  tinyml.log_softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
    requant <1381073408, 24> rounding double
  // CHECK: tinyml.log_softmax ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>) requant <1381073408, 24> rounding double
  // CHECK-GENERIC: "tinyml.log_softmax"(%x, %y) <{requant = #tinyml.requant<1381073408, 24>, rounding = #tinyml<rounding double>}> : (memref<1x10xi8>, memref<1x10xi8>) -> ()

  func.return
}

"memref.global"() <{sym_name = "exp", type = memref<256xi32>, initial_value = dense<1> : tensor<256xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @softmax_lookup(%x: memref<1x10xi8>, %y: memref<1x10xi8>) {
  tinyml.softmax_lookup ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>)
    exponentials @exp requant <2139095040, 8> zero_points [-128] {note = 1 : i64}
  // CHECK: tinyml.softmax_lookup ins(%x : memref<1x10xi8>) outs(%y : memref<1x10xi8>) exponentials @exp requant <2139095040, 8> zero_points [-128] {note = 1 : i64}
  // CHECK-GENERIC: "tinyml.softmax_lookup"(%x, %y) <{exponentials = @exp, requant = #tinyml.requant<2139095040, 8>, zero_points = array<i64: -128>}> {note = 1 : i64} : (memref<1x10xi8>, memref<1x10xi8>) -> ()
  func.return
}
