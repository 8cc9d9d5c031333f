// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all}' | filecheck %s --check-prefix=ALL
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=free}' | filecheck %s --check-prefix=FREE
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all},tinyml-overlap,tinyml-plan-memory,tinyml-convert-layers-to-loops' | filecheck %s --check-prefix=LOOPS

"memref.global"() <{sym_name = "w", type = memref<4x1x1x4xi8>, initial_value = dense<1> : tensor<4x1x1x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "d", type = memref<3x3x4xi8>, initial_value = dense<2> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<4xi32>, initial_value = dense<7> : tensor<4xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3], [1073741824, -3], [1073741824, -3]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x4x4x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x4xi8>
  tinyml.conv2d ins(%x : memref<1x4x4x4xi8>) outs(%a : memref<1x4x4x4xi8>)
    weights @w bias @b requant @rq window <[1, 1]>
    zero_points [3, 0] clamp [-128, 127] rounding double
  tinyml.depthwise_conv2d ins(%a : memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    weights @d bias @b requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [0, 127] rounding double
  func.return
}

// ALL: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>
// ALL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>

// Windows of a convolution are widened into scratch memory; a depthwise one needs none.
// FREE: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either>
// FREE: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>

// Weights of two channels to a word, 1 and 1: 257 in each half. The sums start from
// 7 - 3 * 4, the second of a pair with 256 times that on top.
// LOOPS: sym_name = "layer_00_conv2d_packed_weights", type = memref<1x8xi32>, initial_value = dense<[[-5, -1285, -5, -1285, 16843009, 16843009, 16843009, 16843009]]>
// LOOPS: func.func private @layer_00_conv2d(%input: memref<1x4x4x4xi8>, %packed_weights: memref<1x8xi32>, %factors: memref<4x2xi32>, %scratch: memref<16xi8>, %output: memref<1x4x4x4xi8>)
// Two pixels at a time.
// LOOPS:   scf.for %{{.*}} = %c0 to %c4 step %c2 {
// LOOPS:     acle.load_word
// LOOPS:     acle.sxtb16
// LOOPS:     acle.store_word
// LOOPS:     acle.smlad
// LOOPS:     acle.smmlar
// A rest of no window over the border takes words of four channels.
// LOOPS: func.func private @layer_01_depthwise_conv2d
// LOOPS:   scf.if
// LOOPS:     acle.smlabb
// LOOPS:     acle.smlatt
