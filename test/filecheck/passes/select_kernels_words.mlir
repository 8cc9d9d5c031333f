// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all}' | filecheck %s --check-prefix=ALL
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=free}' | filecheck %s --check-prefix=FREE
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all least=40}' | filecheck %s --check-prefix=LEAST
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all shared=true least=40}' | filecheck %s --check-prefix=SHARED
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
// ALL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>

// The convolution makes 256 of 832 multiply-accumulates.
// LEAST: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either>, {{.*}}% of the network's work (least)"
// LEAST: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>

// What is shared may be little work.
// SHARED: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, direct>, tinyml.shared
// SHARED: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>

// Without scratch memory pixels are taken as they are.
// FREE: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, direct>
// FREE: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, direct>

// Weights of two channels to a word, 1 and 1: 257 in each half. The sums start from
// 7 - 3 * 4, the second of a pair with 256 times that on top. Two factors for each
// channel end the stream.
// LOOPS: sym_name = "layer_00_conv2d_packed_weights", type = memref<1x16xi32>, initial_value = dense<[[-5, -1285, -5, -1285, 16843009, 16843009, 16843009, 16843009, -2147483648, 536870912, 
// LOOPS: func.func private @layer_00_conv2d(%input: memref<1x4x4x4xi8>, %packed_weights: memref<1x16xi32>, %scratch: memref<16xi8>, %output: memref<1x4x4x4xi8>)
// Two pixels at a time, of all rows.
// LOOPS:   scf.for %{{.*}} = %c0 to %c16 step %c2 {
// LOOPS:     acle.load_word
// LOOPS:     acle.sxtb16
// LOOPS:     acle.store_word
// LOOPS:     acle.smlad
// LOOPS:     acle.smmlar
// The rows of the four channels are copied, padding has been there before; then tiles of
// two rows and two columns.
// LOOPS: func.func private @layer_01_depthwise_conv2d(%input: memref<1x4x4x4xi8>, %stream: memref<4x9xi32>, %scratch: memref<288xi8>, %output: memref<1x4x4x4xi8>)
// LOOPS:     acle.store_word
// LOOPS:     acle.pkhbt
// LOOPS:     acle.pkhtb
// LOOPS:     acle.sxtb16
// LOOPS:     scf.for %c = %c0
// LOOPS:       scf.for %r = %c0
// LOOPS:         scf.for %t = %c0
// LOOPS:           acle.smlad
// LOOPS:           acle.smlabt
// LOOPS:           acle.smlatb
