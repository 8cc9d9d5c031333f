// RUN: tinyml-opt %s -p tinyml-fold-pad --split-input-file | filecheck %s

// All readers pad their input with what the pad writes: convolutions with their zero
// point; a pool with nothing, which is less than -128 or than its clamp.
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x3x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x5x5x2xi8> {tinyml.output = #tinyml.tensor<"z">}, %u: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"u">}) {
  %p = tinyml.alloc : memref<1x5x5x2xi8>
  tinyml.pad ins(%x : memref<1x4x4x2xi8>) outs(%p : memref<1x5x5x2xi8>) low [0, 1, 0, 0] high [0, 0, 1, 0] value 7
  tinyml.conv2d ins(%p : memref<1x5x5x2xi8>) outs(%y : memref<1x3x2x1xi8>) weights @w requant @r window <[2, 2], strides = [2, 3], pad = [0, 1, 1, 0]>
    zero_points [7, 0] clamp [-128, 127] rounding double
  tinyml.depthwise_conv2d ins(%p : memref<1x5x5x2xi8>) outs(%z : memref<1x5x5x2xi8>) weights @dw requant @dr window <[2, 2], pad = [0, 1, 1, 0]>
    zero_points [7, 0] clamp [-128, 127] rounding double
  tinyml.max_pool2d ins(%p : memref<1x5x5x2xi8>) outs(%u : memref<1x4x4x2xi8>) window <[2, 2]> clamp [7, 127]
  func.return
}
"memref.global"() <{sym_name = "w", type = memref<1x2x2x2xi8>, initial_value = dense<1> : tensor<1x2x2x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "r", type = memref<1x2xi32>, initial_value = dense<0> : tensor<1x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "dw", type = memref<2x2x2xi8>, initial_value = dense<1> : tensor<2x2x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "dr", type = memref<2x2xi32>, initial_value = dense<0> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      func.func @main(%x
// CHECK-NEXT: tinyml.conv2d ins(%x : memref<1x4x4x2xi8>) {{.*}} window <[2, 2], strides = [2, 3], pad = [1, 1, 1, 1]>
// CHECK-NEXT: tinyml.depthwise_conv2d ins(%x : memref<1x4x4x2xi8>) {{.*}} window <[2, 2], pad = [1, 1, 1, 1]>

// -----

// Nothing is as low as -128, and a layer clamps to what it pads.
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %p = tinyml.alloc : memref<1x5x5x2xi8>
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %q = tinyml.alloc : memref<1x5x5x2xi8>
  tinyml.pad ins(%x : memref<1x4x4x2xi8>) outs(%p : memref<1x5x5x2xi8>) low [0, 1, 0, 0] high [0, 0, 1, 0] value -128
  tinyml.max_pool2d ins(%p : memref<1x5x5x2xi8>) outs(%y : memref<1x4x4x2xi8>) window <[2, 2]> clamp [-128, 127]
  tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) window <[1, 1]> clamp [5, 127]
  tinyml.pad ins(%a : memref<1x4x4x2xi8>) outs(%q : memref<1x5x5x2xi8>) low [0, 1, 1, 0] high [0, 0, 0, 0] value 5
  tinyml.max_pool2d ins(%q : memref<1x5x5x2xi8>) outs(%z : memref<1x4x4x2xi8>) window <[2, 2]> clamp [-128, 127]
  func.return
}
// CHECK-NOT:  tinyml.pad
// CHECK:      tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%y {{.*}} window <[2, 2], pad = [1, 0, 0, 1]> clamp [-128, 127]
// CHECK-NEXT: tinyml.max_pool2d ins(%x {{.*}} window <[1, 1]> clamp [5, 127]
// CHECK-NEXT: tinyml.max_pool2d ins(%a {{.*}} window <[2, 2], pad = [1, 0, 1, 0]> clamp [-128, 127]

// -----

// Another value, a mean that counts the pad, another reader, a window in the pad, more
// channels, an output of the network: as it was.
func.func @main(%x: memref<1x2x2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %a: memref<1x3x2x2xi8> {tinyml.output = #tinyml.tensor<"a">}, %b: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"b">}, %c: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"c">}, %d: memref<1x3x2x2xi8> {tinyml.output = #tinyml.tensor<"d">}, %e: memref<1x3x2x2xi8> {tinyml.output = #tinyml.tensor<"e">}, %f: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"f">}, %g: memref<1x3x2x2xi8> {tinyml.output = #tinyml.tensor<"g">}, %h: memref<1x2x2x3xi8> {tinyml.output = #tinyml.tensor<"h">}) {
  %p = tinyml.alloc : memref<1x3x2x2xi8>
  %q = tinyml.alloc : memref<1x3x2x2xi8>
  %r = tinyml.alloc : memref<1x3x2x2xi8>
  %s = tinyml.alloc : memref<1x3x2x2xi8>
  %t = tinyml.alloc : memref<1x2x2x3xi8>
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%p : memref<1x3x2x2xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value 6
  tinyml.depthwise_conv2d ins(%p : memref<1x3x2x2xi8>) outs(%a : memref<1x3x2x2xi8>) weights @dw requant @dr window <[1, 1]>
    zero_points [7, 0] clamp [-128, 127] rounding double
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%q : memref<1x3x2x2xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value -128
  tinyml.avg_pool2d ins(%q : memref<1x3x2x2xi8>) outs(%b : memref<1x2x2x2xi8>) window <[2, 1]> clamp [-128, 127]
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%r : memref<1x3x2x2xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value -128
  tinyml.max_pool2d ins(%r : memref<1x3x2x2xi8>) outs(%c : memref<1x2x2x2xi8>) window <[2, 1]> clamp [-128, 127]
  tinyml.maximum ins(%r, %r : memref<1x3x2x2xi8>, memref<1x3x2x2xi8>) outs(%d : memref<1x3x2x2xi8>)
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%s : memref<1x3x2x2xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value -128
  tinyml.max_pool2d ins(%s : memref<1x3x2x2xi8>) outs(%e : memref<1x3x2x2xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%t : memref<1x2x2x3xi8>) low [0, 0, 0, 1] high [0, 0, 0, 0] value -128
  tinyml.max_pool2d ins(%t : memref<1x2x2x3xi8>) outs(%h : memref<1x2x2x3xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.pad ins(%x : memref<1x2x2x2xi8>) outs(%g : memref<1x3x2x2xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value -128
  tinyml.max_pool2d ins(%g : memref<1x3x2x2xi8>) outs(%f : memref<1x2x2x2xi8>) window <[2, 1]> clamp [-128, 127]
  func.return
}
"memref.global"() <{sym_name = "dw", type = memref<1x1x2xi8>, initial_value = dense<1> : tensor<1x1x2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "dr", type = memref<2x2xi32>, initial_value = dense<0> : tensor<2x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      tinyml.pad
// CHECK-NEXT: tinyml.depthwise_conv2d ins(%p
// CHECK-NEXT: tinyml.pad
// CHECK-NEXT: tinyml.avg_pool2d ins(%q
// CHECK-NEXT: tinyml.pad
// CHECK-NEXT: tinyml.max_pool2d ins(%r
// CHECK-NEXT: tinyml.maximum
// CHECK-NEXT: tinyml.pad
// CHECK-NEXT: tinyml.max_pool2d ins(%s
// CHECK-NEXT: tinyml.pad
// CHECK-NEXT: tinyml.max_pool2d ins(%t
// CHECK-NEXT: tinyml.pad
// CHECK-NEXT: tinyml.max_pool2d ins(%g

// -----

// A pad of a pad.
func.func @main(%x: memref<1x2x2x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %p = tinyml.alloc : memref<1x3x2x1xi8>
  %q = tinyml.alloc : memref<1x3x3x1xi8>
  tinyml.pad ins(%x : memref<1x2x2x1xi8>) outs(%p : memref<1x3x2x1xi8>) low [0, 1, 0, 0] high [0, 0, 0, 0] value -128
  tinyml.pad ins(%p : memref<1x3x2x1xi8>) outs(%q : memref<1x3x3x1xi8>) low [0, 0, 0, 0] high [0, 0, 1, 0] value -128
  tinyml.max_pool2d ins(%q : memref<1x3x3x1xi8>) outs(%y : memref<1x2x2x1xi8>) window <[2, 2]> clamp [-128, 127]
  func.return
}
// CHECK:      func.func @main
// CHECK-NEXT: tinyml.max_pool2d ins(%x {{.*}} window <[2, 2], pad = [1, 0, 0, 1]>
