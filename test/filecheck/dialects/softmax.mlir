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

  func.return
}
