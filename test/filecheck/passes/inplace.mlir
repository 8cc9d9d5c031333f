// RUN: tinyml-opt %s --split-input-file -p tinyml-select-kernels,tinyml-inplace | filecheck %s
// RUN: tinyml-opt %s --split-input-file -p tinyml-select-kernels,tinyml-inplace,tinyml-overlap,tinyml-plan-memory | filecheck %s --check-prefix=PLAN

// The second layer keeps its shape, which forwards takes a row and a pixel more than its
// input. In place it takes two rows of one channel: 64 + 2 * 4.
"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<1> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x4x4x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.depthwise_conv2d ins(%x : memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  // CHECK: tinyml.kernel = #tinyml.kernel<channels, 1>
  // PLAN:  tinyml.arena_bytes = 72 : i64
  // PLAN:  tinyml.reuse = [#tinyml.reuse<in 0, below 64, above 64, at 0>], tinyml.scratch_at = 64 : i64
  func.return
}

// -----

// Its input is needed again, and the peak is here: the pass says why it declines.
"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<1> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x4x4x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x4xi8>
  tinyml.depthwise_conv2d ins(%x : memref<1x4x4x4xi8>) outs(%a : memref<1x4x4x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  // CHECK: tinyml.kernel = #tinyml.kernel<either>, tinyml.remarks = {"tinyml-inplace" = "not in place: second use at tinyml.add"
  tinyml.add ins(%x, %a : memref<1x4x4x4xi8>, memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  func.return
}

// -----

// Its input lies in flash.
"memref.global"() <{sym_name = "c", type = memref<1x4x4x4xi8>, initial_value = dense<1> : tensor<1x4x4x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "w", type = memref<3x3x4xi8>, initial_value = dense<1> : tensor<3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<1> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%y: memref<1x4x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %c = memref.get_global @c : memref<1x4x4x4xi8>
  tinyml.depthwise_conv2d ins(%c : memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>)
    weights @w requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  // CHECK: tinyml.kernel = #tinyml.kernel<either>, tinyml.remarks = {"tinyml-inplace" = "not in place: the input is a constant"
  // PLAN:  tinyml.arena_bytes = 64 : i64
  func.return
}
