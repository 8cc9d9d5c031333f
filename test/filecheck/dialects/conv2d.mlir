// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

"memref.global"() <{sym_name = "w", type = memref<2x3x3x3xi8>, initial_value = dense<1> : tensor<2x3x3x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<7> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<5> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @conv2d(%x: memref<1x8x8x3xi8>, %y: memref<1x6x6x2xi8>, %z: memref<1x4x4x2xi8>, %v: memref<1x5x4x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x2xi8>)
    weights @w bias @b requant @rq window <[3, 3]>
    zero_points [-1, -128] clamp [-128, 127] rounding double
  // CHECK: tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x2xi8>) weights @w bias @b requant @rq window <[3, 3]> zero_points [-1, -128] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.conv2d"(%x, %y) <{weights = @w, bias = @b, requant = @rq, window = #tinyml.window<[3, 3]>, zero_points = array<i64: -1, -128>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x8x8x3xi8>, memref<1x6x6x2xi8>) -> ()

  // No bias; a strided window with padding on two sides.
  tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x4x4x2xi8>)
    weights @w requant @rq window <[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]>
    zero_points [127, 0] clamp [0, 6] rounding single
  // CHECK: tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x4x4x2xi8>) weights @w requant @rq window <[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]> zero_points [127, 0] clamp [0, 6] rounding single
  // CHECK-GENERIC: "tinyml.conv2d"(%x, %z) <{weights = @w, requant = @rq, window = #tinyml.window<[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]>, zero_points = array<i64: 127, 0>, clamp = array<i64: 0, 6>, rounding = #tinyml<rounding single>}> : (memref<1x8x8x3xi8>, memref<1x4x4x2xi8>) -> ()

  // A dilated window, and what passes attach.
  tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%v : memref<1x5x4x2xi8>)
    weights @w requant @rq
    window <[3, 3], dilations = [2, 2], pad = [1, 0, 0, 0]>
    zero_points [0, 0] clamp [-5, -5] rounding even {tinyml.live_bytes = 232 : i64}
  // CHECK: tinyml.conv2d ins(%x : memref<1x8x8x3xi8>) outs(%v : memref<1x5x4x2xi8>) weights @w requant @rq window <[3, 3], dilations = [2, 2], pad = [1, 0, 0, 0]> zero_points [0, 0] clamp [-5, -5] rounding even {tinyml.live_bytes = 232 : i64}

  func.return
}

"memref.global"() <{sym_name = "w4", type = memref<4x1x1x2xi8>, initial_value = dense<1> : tensor<4x1x1x2xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq4", type = memref<4x2xi32>, initial_value = dense<5> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @groups(%a: memref<1x2x2x4xi8>, %b: memref<1x2x2x4xi8>) {
  // Two output channels of each group see two of four input channels.
  tinyml.conv2d ins(%a : memref<1x2x2x4xi8>) outs(%b : memref<1x2x2x4xi8>)
    weights @w4 requant @rq4 window <[1, 1]> groups 2
    zero_points [0, 0] clamp [-128, 127] rounding double
  // CHECK: tinyml.conv2d ins(%a : memref<1x2x2x4xi8>) outs(%b : memref<1x2x2x4xi8>) weights @w4 requant @rq4 window <[1, 1]> groups 2 zero_points [0, 0] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.conv2d"(%a, %b) <{weights = @w4, requant = @rq4, window = #tinyml.window<[1, 1]>, groups = 2 : i64, zero_points = array<i64: 0, 0>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x2x2x4xi8>, memref<1x2x2x4xi8>) -> ()
  func.return
}
