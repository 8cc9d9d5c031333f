// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

func.func @add(%a: memref<1x4x4x8xi8>, %b: memref<1x4x4x8xi8>, %y: memref<1x4x4x8xi8>) {
  // Three factors: lhs, rhs, sum.
  tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
    outs(%y : memref<1x4x4x8xi8>)
    requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>,
             #tinyml.requant<1968490240, -19>]
    zero_points [6, -14, -8] clamp [-128, 127] rounding double
  // CHECK: tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) requant [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>, #tinyml.requant<1968490240, -19>] zero_points [6, -14, -8] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.add"(%a, %b, %y) <{requant = [#tinyml.requant<1073741824, 0>, #tinyml.requant<1265563392, -1>, #tinyml.requant<1968490240, -19>], zero_points = array<i64: 6, -14, -8>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x4x4x8xi8>, memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) -> ()

  // Rounded once, lhs and rhs have one shift and the sum the factor one. A tensor may be
  // added to itself.
  tinyml.add ins(%a, %a : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
    outs(%y : memref<1x4x4x8xi8>)
    requant [#tinyml.requant<1073741824, -2>, #tinyml.requant<1265563392, -2>,
             #tinyml.requant<1073741824, 1>]
    zero_points [6, 6, -8] clamp [0, 127] rounding even
  // CHECK: tinyml.add ins(%a, %a : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) requant [#tinyml.requant<1073741824, -2>, #tinyml.requant<1265563392, -2>, #tinyml.requant<1073741824, 1>] zero_points [6, 6, -8] clamp [0, 127] rounding even

  tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>)
    outs(%y : memref<1x4x4x8xi8>)
    requant [#tinyml.requant<-1073741824, 3>, #tinyml.requant<1265563392, 3>,
             #tinyml.requant<1073741824, 1>]
    zero_points [6, -14, -8] clamp [0, 127] rounding single
  // CHECK: tinyml.add ins(%a, %b : memref<1x4x4x8xi8>, memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) requant [#tinyml.requant<-1073741824, 3>, #tinyml.requant<1265563392, 3>, #tinyml.requant<1073741824, 1>] zero_points [6, -14, -8] clamp [0, 127] rounding single

  func.return
}
