// RUN: tinyml-opt %s --split-input-file -p 'tinyml-select-kernels{words=free},tinyml-overlap,tinyml-fill-memory' | filecheck %s

// Padding takes the most memory: 256 bytes beside 100. The depthwise layer behind it may
// work on planar rows of all its channels, in place.
"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3], [1073741824, -3], [1073741824, -3]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x32x32x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x4xi8>
  tinyml.max_pool2d ins(%x : memref<1x32x32x4xi8>) outs(%a : memref<1x8x8x4xi8>)
    window <[4, 4], strides = [4, 4]> clamp [-128, 127]
  // CHECK: tinyml.depthwise_conv2d
  // CHECK-SAME: tinyml.kernel = #tinyml.kernel<channels, 4, planar>, tinyml.reuse = [#tinyml.reuse<in 0, below 256, above 256, at 0>]
  tinyml.depthwise_conv2d ins(%a : memref<1x8x8x4xi8>) outs(%y : memref<1x8x8x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}

// -----

// Where it is what takes the most memory, it stays as it is.
"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3], [1073741824, -3], [1073741824, -3]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x8x8x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  // CHECK: tinyml.depthwise_conv2d
  // CHECK-SAME: tinyml.kernel = #tinyml.kernel<either, direct>, tinyml.reuse = [#tinyml.reuse<in 0, below 43, above 43>]
  tinyml.depthwise_conv2d ins(%x : memref<1x8x8x4xi8>) outs(%y : memref<1x8x8x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
