// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

"memref.global"() <{sym_name = "w", type = memref<2x12xi8>, initial_value = dense<1> : tensor<2x12xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<7> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<5> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @fully_connected(%x: memref<1x12xi8>, %image: memref<1x2x2x3xi8>, %rows: memref<3x12xi8>, %y: memref<1x2xi8>, %vector: memref<2xi8>, %several: memref<3x2xi8>) {
  tinyml.fully_connected ins(%x : memref<1x12xi8>) outs(%y : memref<1x2xi8>)
    weights @w bias @b requant @rq
    zero_points [89, -128] clamp [-128, 127] rounding double
  // CHECK: tinyml.fully_connected ins(%x : memref<1x12xi8>) outs(%y : memref<1x2xi8>) weights @w bias @b requant @rq zero_points [89, -128] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.fully_connected"(%x, %y) <{weights = @w, bias = @b, requant = @rq, zero_points = array<i64: 89, -128>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x12xi8>, memref<1x2xi8>) -> ()

  // The input is flattened, whatever its shape; no bias.
  tinyml.fully_connected ins(%image : memref<1x2x2x3xi8>) outs(%vector : memref<2xi8>)
    weights @w requant @rq zero_points [0, 0] clamp [0, 127] rounding single
  // CHECK: tinyml.fully_connected ins(%image : memref<1x2x2x3xi8>) outs(%vector : memref<2xi8>) weights @w requant @rq zero_points [0, 0] clamp [0, 127] rounding single
  // CHECK-GENERIC: "tinyml.fully_connected"(%image, %vector) <{weights = @w, requant = @rq, zero_points = array<i64: 0, 0>, clamp = array<i64: 0, 127>, rounding = #tinyml<rounding single>}> : (memref<1x2x2x3xi8>, memref<2xi8>) -> ()

  // Several rows.
  tinyml.fully_connected ins(%rows : memref<3x12xi8>) outs(%several : memref<3x2xi8>)
    weights @w requant @rq zero_points [0, 0] clamp [0, 127] rounding even
  // CHECK: tinyml.fully_connected ins(%rows : memref<3x12xi8>) outs(%several : memref<3x2xi8>) weights @w requant @rq zero_points [0, 0] clamp [0, 127] rounding even

  func.return
}
