// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: memref<2x2x3xi8> does not have 4 dimensions

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<i8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<i8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: memref<i8> does not have 4 dimensions

// -----

func.func @main(%x: memref<2x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<2x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: batch 2 becomes 1

// -----

func.func @main(%x: memref<1x5x4x3xi8>, %y: memref<1x3x3x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x5x4x3xi8>) outs(%y : memref<1x3x3x2xi8>)
    weights @w requant @rq window <[3, 3]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: window makes 3x2 of 5x4, output is 3x3

// -----

// Strides leave out the rest: (5 - 3) / 2 + 1 rows.
func.func @main(%x: memref<1x5x4x3xi8>, %y: memref<1x3x1x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x5x4x3xi8>) outs(%y : memref<1x3x1x2xi8>)
    weights @w requant @rq window <[3, 3], strides = [2, 2]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: window makes 2x1 of 5x4, output is 3x1

// -----

// The pad counts on its side only, dilation widens the window.
func.func @main(%x: memref<1x5x4x3xi8>, %y: memref<1x5x4x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x5x4x3xi8>) outs(%y : memref<1x5x4x2xi8>)
    weights @w requant @rq window <[3, 3], dilations = [2, 1], pad = [1, 0, 0, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: window makes 2x3 of 5x4, output is 5x4

// -----

// Larger than the padded input.
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x1x1x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x1x1x2xi8>)
    weights @w requant @rq window <[3, 3]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: window makes 0x0 of 2x2, output is 1x1

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 3 zero points for 2 buffers (inputs, output)

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [0, 200] rounding double
  func.return
}
// CHECK: clamp 200 is not in [-128, 127]

// -----

// TFLite's rounding of floats.
func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding away
  func.return
}
// CHECK: rounding away is not defined for accumulators

// -----

func.func @main(%x: memref<1x2x2x3xi8>, %y: memref<1x2x2x4xi8>) {
  tinyml.depthwise_conv2d ins(%x : memref<1x2x2x3xi8>) outs(%y : memref<1x2x2x4xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 4 output channels are not a multiple of 3 input channels

// -----

func.func @main(%x: memref<1x2x2x3xui8>, %y: memref<1x2x2x2xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x3xui8>) outs(%y : memref<1x2x2x2xi8>)
    weights @w requant @rq window <[1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: Expected attribute i8 but got ui8

// -----

func.func @main(%x: memref<1x2x2x6xi8>, %y: memref<1x2x2x4xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x6xi8>) outs(%y : memref<1x2x2x4xi8>)
    weights @w requant @rq window <[1, 1]> groups 3
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 6 input and 4 output channels do not divide into 3 groups

// -----

func.func @main(%x: memref<1x2x2x6xi8>, %y: memref<1x2x2x4xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x6xi8>) outs(%y : memref<1x2x2x4xi8>)
    weights @w requant @rq window <[1, 1]> groups 0
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: 6 input and 4 output channels do not divide into 0 groups

// -----

// The weights have the channels of one group.
"memref.global"() <{sym_name = "w", type = memref<4x1x1x6xi8>, initial_value = dense<1> : tensor<4x1x1x6xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<5> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x2x2x6xi8>, %y: memref<1x2x2x4xi8>) {
  tinyml.conv2d ins(%x : memref<1x2x2x6xi8>) outs(%y : memref<1x2x2x4xi8>)
    weights @w requant @rq window <[1, 1]> groups 2
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
// CHECK: @w is memref<4x1x1x6xi8>, expected memref<4x1x1x3xi8>
