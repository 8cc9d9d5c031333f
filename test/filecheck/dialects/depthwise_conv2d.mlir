// RUN: TINYML_ROUNDTRIP
// RUN: TINYML_GENERIC_ROUNDTRIP

"memref.global"() <{sym_name = "w", type = memref<3x3x6xi8>, initial_value = dense<1> : tensor<3x3x6xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<6xi32>, initial_value = dense<7> : tensor<6xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<6x2xi32>, initial_value = dense<5> : tensor<6x2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "w1", type = memref<1x2x3xi8>, initial_value = dense<1> : tensor<1x2x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq1", type = memref<3x2xi32>, initial_value = dense<5> : tensor<3x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @depthwise_conv2d(%x: memref<1x8x8x3xi8>, %y: memref<1x6x6x6xi8>, %z: memref<1x8x4x3xi8>) {
  // A depth multiplier of two.
  tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x6xi8>)
    weights @w bias @b requant @rq window <[3, 3]>
    zero_points [-1, -128] clamp [-128, 127] rounding double
  // CHECK: tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%y : memref<1x6x6x6xi8>) weights @w bias @b requant @rq window <[3, 3]> zero_points [-1, -128] clamp [-128, 127] rounding double
  // CHECK-GENERIC: "tinyml.depthwise_conv2d"(%x, %y) <{weights = @w, bias = @b, requant = @rq, window = #tinyml.window<[3, 3]>, zero_points = array<i64: -1, -128>, clamp = array<i64: -128, 127>, rounding = #tinyml<rounding double>}> : (memref<1x8x8x3xi8>, memref<1x6x6x6xi8>) -> ()

  // No bias; height and width differ in kernel and stride.
  tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x8x4x3xi8>)
    weights @w1 requant @rq1 window <[1, 2], strides = [1, 2]>
    zero_points [0, 0] clamp [0, 127] rounding even
  // CHECK: tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x8x4x3xi8>) weights @w1 requant @rq1 window <[1, 2], strides = [1, 2]> zero_points [0, 0] clamp [0, 127] rounding even
  // CHECK-GENERIC: "tinyml.depthwise_conv2d"(%x, %z) <{weights = @w1, requant = @rq1, window = #tinyml.window<[1, 2], strides = [1, 2]>, zero_points = array<i64: 0, 0>, clamp = array<i64: 0, 127>, rounding = #tinyml<rounding even>}> : (memref<1x8x8x3xi8>, memref<1x8x4x3xi8>) -> ()

  tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x8x4x3xi8>)
    weights @w1 requant @rq1 window <[1, 2], strides = [1, 2]>
    zero_points [0, 0] clamp [0, 127] rounding single
  // CHECK: tinyml.depthwise_conv2d ins(%x : memref<1x8x8x3xi8>) outs(%z : memref<1x8x4x3xi8>) weights @w1 requant @rq1 window <[1, 2], strides = [1, 2]> zero_points [0, 0] clamp [0, 127] rounding single

  func.return
}
