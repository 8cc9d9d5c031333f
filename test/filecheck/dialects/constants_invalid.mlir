// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

// The globals that a layer names.

"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is not a memref.global

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @b is not a memref.global

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @rq is not a memref.global

// -----

// A symbol of another kind.
func.func private @w() -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is not a memref.global

// -----

// A filter is [output channels, height, width, input channels].
"memref.global"() <{sym_name = "w", type = memref<3x1x1x2xi8>, initial_value = dense<1> : tensor<3x1x1x2xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is memref<3x1x1x2xi8>, expected memref<2x1x1x3xi8>

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xui8>, initial_value = dense<1> : tensor<2x1x1x3xui8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is memref<2x1x1x3xui8>, expected memref<2x1x1x3xi8>

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<3xi32>, initial_value = dense<1> : tensor<3xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @b is memref<3xi32>, expected memref<2xi32>

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @rq is memref<2xi32>, expected memref<2x2xi32>

// -----

// Depthwise, a filter is [height, width, output channels].
"memref.global"() <{sym_name = "w", type = memref<1x1x3xi8>, initial_value = dense<1> : tensor<1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<6x2xi32>, initial_value = dense<1> : tensor<6x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x6xi8>) {
  tinyml.depthwise_conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x6xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is memref<1x1x3xi8>, expected memref<1x1x6xi8>

// -----

// Fully connected, it is [output channels, elements of one row].
"memref.global"() <{sym_name = "w", type = memref<4x12xi8>, initial_value = dense<1> : tensor<4x12xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<1> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<2x2x3xi8>, %y: memref<2x4xi8>) {
  tinyml.fully_connected ins(%x : memref<2x2x3xi8>) outs(%y : memref<2x4xi8>)
    weights @w requant @rq zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is memref<4x12xi8>, expected memref<4x6xi8>

// -----

// Space that someone else is to fill is not a constant.
"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = unit, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w has no value

// -----

// Rows of the table are (multiplier, shift).
"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<[[1, 0], [-2147483648, 0]]> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @rq has a multiplier of -2^31 or a shift outside [-31, 30]

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<[[1, -32], [1, 0]]> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @rq has a multiplier of -2^31 or a shift outside [-31, 30]

// -----

"memref.global"() <{sym_name = "w", type = memref<2x1x1x3xi8>, initial_value = dense<1> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<1> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<[[1, 0], [1, 31]]> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @rq has a multiplier of -2^31 or a shift outside [-31, 30]
