// RUN: tinyml-opt %s -p tinyml-fold-dead-channels --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p tinyml-fold-dead-channels --split-input-file --remarks 2>&1 >/dev/null | filecheck %s --check-prefix=REMARK

// REMARK:      constant channels stay (1): what they add to tinyml.conv2d is not the same everywhere
// REMARK-NEXT: constant channels stay (1): biases would leave 32 bits, or a multiple of channels is left
// REMARK-NEXT: constant channels stay (1): the network's user or a layer that mixes channels sees them

// The second filter of @w1 is zero, so its channel is 8 + 5 = 13 everywhere. That is what
// the depthwise convolution pads with: the channel becomes 2 * 0 + 7 + 1 = 8 at borders
// too, then 4 at the pool's clamp. The last layer gets (4 - 2) * [10, -20] of it.
func.func @main(%x: memref<1x2x2x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x2x2x3xi8>
  %b = tinyml.alloc : memref<1x2x2x3xi8>
  %c = tinyml.alloc : memref<1x2x2x3xi8>
  %v = memref.reinterpret_cast %c to offset: [0], sizes: [1, 4, 1, 3], strides: [12, 3, 3, 1] : memref<1x2x2x3xi8> to memref<1x4x1x3xi8>
  %w = memref.reinterpret_cast %y to offset: [0], sizes: [1, 4, 1, 2], strides: [8, 2, 2, 1] : memref<1x2x2x2xi8> to memref<1x4x1x2xi8>
  tinyml.conv2d ins(%x : memref<1x2x2x1xi8>) outs(%a : memref<1x2x2x3xi8>) weights @w1 bias @b1 requant @r1 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double {tinyml.index = 3 : i64, tinyml.tensor = 4 : i64}
  tinyml.depthwise_conv2d ins(%a : memref<1x2x2x3xi8>) outs(%b : memref<1x2x2x3xi8>) weights @w2 bias @b2 requant @r1 window <[1, 2], pad = [0, 0, 0, 1]>
    zero_points [13, 1] clamp [-128, 127] rounding double
  tinyml.avg_pool2d ins(%b : memref<1x2x2x3xi8>) outs(%c : memref<1x2x2x3xi8>) window <[2, 1], pad = [1, 0, 0, 0]> clamp [-128, 4]
  tinyml.conv2d ins(%v : memref<1x4x1x3xi8>) outs(%w : memref<1x4x1x2xi8>) weights @w3 requant @r3 window <[1, 1]>
    zero_points [2, 0] clamp [-128, 127] rounding double {tinyml.tensor = 5 : i64}
  func.return
}
"memref.global"() <{sym_name = "w1", type = memref<3x1x1x1xi8>, initial_value = dense<[[[[3]]], [[[0]]], [[[-2]]]]> : tensor<3x1x1x1xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "b1", type = memref<3xi32>, initial_value = dense<[1, 8, -1]> : tensor<3xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r1", type = memref<3x2xi32>, initial_value = dense<[[1073741824, 1], [1073741824, 1], [1073741824, 0]]> : tensor<3x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w2", type = memref<1x2x3xi8>, initial_value = dense<[[[1, 2, 3], [4, 5, 6]]]> : tensor<1x2x3xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "b2", type = memref<3xi32>, initial_value = dense<7> : tensor<3xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w3", type = memref<2x1x1x3xi8>, initial_value = dense<[[[[1, 10, 2]]], [[[3, -20, 4]]]]> : tensor<2x1x1x3xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r3", type = memref<2x2xi32>, initial_value = dense<[[1073741824, 1], [1073741824, 1]]> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// A layer that writes fewer channels writes no tensor of the model. @r1 is two tables now.
// CHECK:      sym_name = "w3_bias", type = memref<2xi32>, initial_value = dense<[20, -40]>
// CHECK:      %a = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %b = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %c = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %v = memref.reinterpret_cast %c to offset: [0], sizes: [1, 4, 1, 2], strides: [8, 2, 2, 1]
// CHECK-NEXT: %w = memref.reinterpret_cast %y
// CHECK-NEXT: tinyml.conv2d {{.*}} weights @w1 bias @b1 requant @r1_1 {{.*}} {tinyml.index = 3 : i64}
// CHECK-NEXT: tinyml.depthwise_conv2d {{.*}} weights @w2 bias @b2 requant @r1
// CHECK-NEXT: tinyml.avg_pool2d
// CHECK-NEXT: tinyml.conv2d {{.*}} weights @w3 bias @w3_bias requant @r3 {{.*}} {tinyml.tensor = 5 : i64}
// CHECK:      sym_name = "w1", type = memref<2x1x1x1xi8>, initial_value = dense<[{{\[\[\[3\]\]\], \[\[\[-2\]\]\]}}]>
// CHECK:      sym_name = "b1", type = memref<2xi32>, initial_value = dense<[1, -1]>
// CHECK:      sym_name = "w2", type = memref<1x2x2xi8>, initial_value = dense<[{{\[\[1, 3\], \[4, 6\]\]}}]>
// CHECK:      sym_name = "w3", type = memref<2x1x1x2xi8>, initial_value = dense<[{{\[\[\[1, 2\]\]\], \[\[\[3, 4\]\]\]}}]>

// -----

// Both sides of a sum, and the sum, lose the channel that nobody weighs, whatever it
// holds; constants that they read lose it too. A table is for all channels.
func.func @main(%x: memref<1x1x1x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x1xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x1x1x2xi8>
  %b = tinyml.alloc : memref<1x1x1x2xi8>
  %c = tinyml.alloc : memref<1x1x1x2xi8>
  %d = tinyml.alloc : memref<1x1x1x2xi8>
  %e = tinyml.alloc : memref<1x1x1x2xi8>
  %two = "memref.get_global"() <{name = @two}> : () -> memref<2xi8>
  tinyml.depthwise_conv2d ins(%x : memref<1x1x1x1xi8>) outs(%a : memref<1x1x1x2xi8>) weights @w1 requant @r2 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.prelu ins(%a : memref<1x1x1x2xi8>) outs(%b : memref<1x1x1x2xi8>) alpha @two requant [#tinyml.requant<1, 0>, #tinyml.requant<1, 0>] zero_points [0, 0, 0] rounding even
  tinyml.maximum ins(%a, %b : memref<1x1x1x2xi8>, memref<1x1x1x2xi8>) outs(%c : memref<1x1x1x2xi8>)
  tinyml.maximum ins(%c, %two : memref<1x1x1x2xi8>, memref<2xi8>) outs(%d : memref<1x1x1x2xi8>)
  tinyml.lookup ins(%d : memref<1x1x1x2xi8>) outs(%e : memref<1x1x1x2xi8>) table @table
  tinyml.fully_connected ins(%e : memref<1x1x1x2xi8>) outs(%y : memref<1x1xi8>) weights @w2 requant @r1
    zero_points [5, 0] clamp [-128, 127] rounding double
  func.return
}
"memref.global"() <{sym_name = "w1", type = memref<1x1x2xi8>, initial_value = dense<[[[3, 4]]]> : tensor<1x1x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r2", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "two", type = memref<2xi8>, initial_value = dense<[6, 7]> : tensor<2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "table", type = memref<256xi8>, initial_value = dense<7> : tensor<256xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w2", type = memref<1x2xi8>, initial_value = dense<[[0, 9]]> : tensor<1x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r1", type = memref<1x2xi32>, initial_value = dense<1> : tensor<1x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      %[[TWO:.*]] = memref.get_global @[[KEPT:.*]] : memref<1xi8>
// CHECK-NOT:  memref<1x1x1x2xi8>

// -----

// What stays: the channel of a convolution whose padding is not what the channel holds,
// so that sums differ at the border; one for which a bias would leave 32 bits; one that
// a softmax sees; an output of the network; the last one.
func.func @main(%x: memref<1x2x2x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x1xi8> {tinyml.output = #tinyml.tensor<"z">}, %s: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"s">}, %t: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"t">}, %u: memref<1x2x2x1xi8> {tinyml.output = #tinyml.tensor<"u">}) {
  %a = tinyml.alloc : memref<1x2x2x2xi8>
  %b = tinyml.alloc : memref<1x2x2x2xi8>
  %c = tinyml.alloc : memref<1x2x2x2xi8>
  %d = tinyml.alloc : memref<1x2x2x1xi8>
  tinyml.conv2d ins(%x : memref<1x2x2x1xi8>) outs(%a : memref<1x2x2x2xi8>) weights @w1 requant @r2 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.conv2d ins(%a : memref<1x2x2x2xi8>) outs(%y : memref<1x2x2x1xi8>) weights @w2 requant @r1 window <[1, 2], pad = [0, 0, 0, 1]>
    zero_points [4, 0] clamp [-128, 127] rounding double
  tinyml.conv2d ins(%x : memref<1x2x2x1xi8>) outs(%b : memref<1x2x2x2xi8>) weights @w1 requant @r2 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.fully_connected ins(%b : memref<1x2x2x2xi8>) outs(%z : memref<1x1xi8>) weights @w3 bias @b3 requant @r1
    zero_points [0, 0] clamp [-128, 127] rounding double
  tinyml.conv2d ins(%x : memref<1x2x2x1xi8>) outs(%c : memref<1x2x2x2xi8>) weights @w1 requant @r2 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.softmax ins(%c : memref<1x2x2x2xi8>) outs(%s : memref<1x2x2x2xi8>) requant <1073741824, 20> rounding double
  tinyml.conv2d ins(%x : memref<1x2x2x1xi8>) outs(%t : memref<1x2x2x2xi8>) weights @w1 requant @r2 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.depthwise_conv2d ins(%x : memref<1x2x2x1xi8>) outs(%d : memref<1x2x2x1xi8>) weights @w4 requant @r1 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  tinyml.depthwise_conv2d ins(%d : memref<1x2x2x1xi8>) outs(%u : memref<1x2x2x1xi8>) weights @w4 requant @r1 window <[1, 1]>
    zero_points [0, 5] clamp [-128, 127] rounding double
  func.return
}
"memref.global"() <{sym_name = "w1", type = memref<2x1x1x1xi8>, initial_value = dense<[[[[3]]], [[[0]]]]> : tensor<2x1x1x1xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r2", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w2", type = memref<1x1x2x2xi8>, initial_value = dense<1> : tensor<1x1x2x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r1", type = memref<1x2xi32>, initial_value = dense<1> : tensor<1x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w3", type = memref<1x8xi8>, initial_value = dense<1> : tensor<1x8xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "b3", type = memref<1xi32>, initial_value = dense<2147483646> : tensor<1xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w4", type = memref<1x1x1xi8>, initial_value = dense<0> : tensor<1x1x1xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      %a = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %b = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %c = tinyml.alloc : memref<1x2x2x2xi8>
// CHECK-NEXT: %d = tinyml.alloc : memref<1x2x2x1xi8>
