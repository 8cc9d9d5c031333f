// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

"memref.global"() <{sym_name = "t", type = memref<256xi8>, initial_value = dense<0> : tensor<256xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "a", type = memref<8xi8>, initial_value = dense<3> : tensor<8xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()

func.func @activation(%x: memref<1x4x4x8xi8>, %y: memref<1x4x4x8xi8>, %z: memref<1x4x4x8xi8>) {
  tinyml.lookup ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) table @t
  tinyml.prelu ins(%x : memref<1x4x4x8xi8>) outs(%z : memref<1x4x4x8xi8>) alpha @a requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, -7>] zero_points [6, -14, -8] rounding double
  func.return
}

// CHECK:         tinyml.lookup ins(%x : memref<1x4x4x8xi8>) outs(%y : memref<1x4x4x8xi8>) table @t
// CHECK-NEXT:    tinyml.prelu ins(%x : memref<1x4x4x8xi8>) outs(%z : memref<1x4x4x8xi8>) alpha @a requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, -7>] zero_points [6, -14, -8] rounding double
// CHECK-GENERIC: "tinyml.lookup"(%x, %y) <{table = @t}>
// CHECK-GENERIC: "tinyml.prelu"(%x, %z) <{alpha = @a, requant = [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, -7>], zero_points = array<i64: 6, -14, -8>, rounding = #tinyml<rounding double>}>
