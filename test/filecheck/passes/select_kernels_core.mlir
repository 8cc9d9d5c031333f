// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all core=cortex-m4}' | filecheck %s --check-prefix=ALL
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{core=cortex-m4}' | filecheck %s --check-prefix=PLAIN
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all}' | filecheck %s --check-prefix=USUAL

"memref.global"() <{sym_name = "d3", type = memref<3x3x64xi8>, initial_value = dense<2> : tensor<3x3x64xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "d7", type = memref<7x7x64xi8>, initial_value = dense<2> : tensor<7x7x64xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<64x2xi32>, initial_value = dense<"0x00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF00000040F9FFFFFF"> : tensor<64x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x24x24x64xi8> {tinyml.input = #tinyml.tensor<"x">}, %z: memref<1x3x3x64xi8> {tinyml.input = #tinyml.tensor<"z">}, %y: memref<1x24x24x64xi8> {tinyml.output = #tinyml.tensor<"y">}, %v: memref<1x3x3x64xi8> {tinyml.output = #tinyml.tensor<"v">}) {
  tinyml.depthwise_conv2d ins(%x : memref<1x24x24x64xi8>) outs(%y : memref<1x24x24x64xi8>)
    weights @d3 requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  // Most of these windows is padding, which planar rows have like anything else.
  tinyml.depthwise_conv2d ins(%z : memref<1x3x3x64xi8>) outs(%v : memref<1x3x3x64xi8>)
    weights @d7 requant @rq window <[7, 7], pad = [3, 3, 3, 3]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}

// ALL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>, tinyml.cycles = {{[0-9]+}} : i64
// ALL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, direct>, tinyml.cycles = {{[0-9]+}} : i64

// PLAIN: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either>, tinyml.cycles = {{[0-9]+}} : i64
// PLAIN: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either>, tinyml.cycles = {{[0-9]+}} : i64

// USUAL-NOT: tinyml.cycles
// USUAL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>
// USUAL: tinyml.depthwise_conv2d {{.*}}tinyml.kernel = #tinyml.kernel<channels, 4, planar>
