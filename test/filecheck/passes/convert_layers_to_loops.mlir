// RUN: tinyml-opt %s -p tinyml-convert-layers-to-loops --split-input-file | filecheck %s
// RUN: tinyml-opt %s -p tinyml-convert-layers-to-loops --split-input-file --print-debuginfo | filecheck %s --check-prefix=LOCATION

"memref.global"() <{sym_name = "w", type = memref<2x3x3x1xi8>, initial_value = dense<1> : tensor<2x3x3x1xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<7> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<2x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3]]> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x4x4x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.conv2d ins(%x : memref<1x4x4x1xi8>) outs(%y : memref<1x4x4x2xi8>)
    weights @w bias @b requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [3, 0] clamp [0, 6] rounding double {tinyml.live_bytes = 48 : i64} loc("relu")
  func.return
}

// A kernel gets inputs, constants and output, and does not know the network.
// CHECK:      func.func private @layer_00_conv2d(%input: memref<1x4x4x1xi8>, %weights: memref<2x3x3x1xi8>, %bias: memref<2xi32>, %requant: memref<2x2xi32>, %output: memref<1x4x4x2xi8>) attributes {no_inline, tinyml.kind = "conv2d 3x3 of 1"} {
// Loops of one turn are not built: neither over the batch nor over input channels.
// CHECK:      scf.for %oy = %c0 to %c4 step %c1 {
// Border rows see fewer taps: those whose input row is in [0, 4).
// CHECK-NEXT:   %iy = arith.subi %oy, %c1 : index
// CHECK-NEXT:   [[BEFORE:%[0-9]+]] = arith.subi %c0, %iy : index
// CHECK-NEXT:   [[INSIDE:%[0-9]+]] = arith.subi %c4, %iy : index
// CHECK-NEXT:   %iy_low = arith.maxsi [[BEFORE]], %c0 : index
// CHECK-NEXT:   %iy_high = arith.minsi [[INSIDE]], %c3 : index
// The first row that is seen; the others lie a row of four pixels apart.
// CHECK-NEXT:   [[ROW:%[0-9]+]] = arith.addi %iy, %iy_low : index
// CHECK-NEXT:   scf.for %ox = %c0 to %c4 step %c1 {
// CHECK:          %ix_low = arith.maxsi
// CHECK-NEXT:     %ix_high = arith.minsi
// CHECK-NEXT:     [[COLUMN:%[0-9]+]] = arith.addi %ix, %ix_low : index
// CHECK-NEXT:     [[FIRST:%[0-9]+]] = arith.muli [[ROW]], %c4 : index
// CHECK-NEXT:     %pixel = arith.addi [[FIRST]], [[COLUMN]] : index
// CHECK:          scf.for %oc = %c0 to %c2 step %c1 {
// CHECK-NEXT:       %acc, %row = scf.for %ky = %iy_low to %iy_high step %c1 iter_args(%{{.*}} = %c0_i32, [[START:%row.*]] = %pixel) -> (i32, index) {
// CHECK-NEXT:         scf.for %kx = %ix_low to %ix_high step %c1 iter_args
// CHECK-NEXT:           [[TAP:%[0-9]+]] = arith.subi %kx, %ix_low : index
// CHECK-NEXT:           [[PLACE:%[0-9]+]] = arith.addi [[START]], [[TAP]] : index
// CHECK-NEXT:           memref.load %input_1{{.*}}[[PLACE]], %c0]
// CHECK:                memref.load %weights[%oc, %ky, %kx, %c0]
// The zero point, which is what padding stands for, is taken off the input.
// CHECK:                arith.subi {{.*}}, %c3_i32 overflow<nsw>
// CHECK:                arith.muli
// CHECK:                arith.addi
// CHECK:            memref.load %bias[%oc]
// CHECK:            memref.load %requant[%oc, %c0]
// One shift for all channels is a constant.
// CHECK-NOT:        memref.load %requant[%oc, %c1]
// CHECK:            arith.maxsi {{.*}}, %c0_i32 : i32
// CHECK-NEXT:       %clamped = arith.minsi {{.*}}, %c6_i32 : i32
// CHECK-NEXT:       [[BYTE:%[0-9]+]] = arith.trunci %clamped : i32 to i8
// CHECK-NEXT:       memref.store [[BYTE]], %output_1[%pixel_1, %oc]

// The call keeps the layer's attributes and says what it computes: 4*4*2 outputs of 9
// multiply-accumulates, which are more elements than inputs.
// CHECK:      func.func @main(
// CHECK-NEXT: [[W:%[0-9]+]] = memref.get_global @w
// CHECK-NEXT: [[B:%[0-9]+]] = memref.get_global @b
// CHECK-NEXT: [[RQ:%[0-9]+]] = memref.get_global @rq
// CHECK-NEXT: func.call @layer_00_conv2d(%x, [[W]], [[B]], [[RQ]], %y) {tinyml.live_bytes = 48 : i64, tinyml.op = "tinyml.conv2d", tinyml.macs = 288 : i64, tinyml.elements = 32 : i64}
// CHECK-NEXT: func.return

// Both kernel and call are where the layer was.
// LOCATION:      func.func private @layer_00_conv2d
// LOCATION:      } loc("relu")
// LOCATION:      func.call @layer_00_conv2d{{.*}} loc("relu")

// -----

// Kernels are numbered by layer. Elementwise layers loop once over all elements; bytes
// without sign are extended so, and nothing else tells them: integers are signless now.
func.func @main(%x: memref<2x2xui8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<2x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc at 8 : memref<2x2xui8>
  tinyml.reshape ins(%x : memref<2x2xui8>) outs(%a : memref<2x2xui8>)
  tinyml.requantize ins(%a : memref<2x2xui8>) outs(%y : memref<2x2xi8>)
    requant <1717986918, -3> zero_points [128, 0] rounding double
  func.return
}
// CHECK:      func.func private @layer_00_reshape(%input: memref<2x2xi8>, %output: memref<2x2xi8>)
// CHECK:      func.func private @layer_01_requantize(%input: memref<2x2xi8>, %output: memref<2x2xi8>)
// CHECK:      [[X:%.*]] = memref.reinterpret_cast %input to offset: [0], sizes: [4], strides: [1]
// CHECK-NEXT: [[Y:%.*]] = memref.reinterpret_cast %output to offset: [0], sizes: [4], strides: [1]
// CHECK-NEXT: scf.for %i = %c0 to %c4 step %c4 {
// CHECK:        [[V:%.*]] = memref.load [[X]][%i]
// CHECK-NEXT:   arith.extui [[V]] : i8 to i32
// CHECK:        memref.store {{.*}}, [[Y]][%i]
// The model's own type is kept where it was another one, and only there.
// CHECK:      func.func @main(%x: memref<2x2xi8> {tinyml.input = #tinyml.tensor<"x">, tinyml.type = memref<2x2xui8>}, %y: memref<2x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
// CHECK-NEXT: %a = tinyml.alloc at 8 : memref<2x2xi8>
// CHECK-NEXT: func.call @layer_00_reshape(%x, %a)
// CHECK-NEXT: func.call @layer_01_requantize(%a, %y)

// -----

// A table that the layer implies becomes a constant beside its kernel.
func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.softmax ins(%x : memref<1x4xi8>) outs(%y : memref<1x4xi8>)
    requant <1381073408, 24> rounding double
  func.return
}
// CHECK:      "memref.global"() <{sym_name = "layer_00_softmax_exp", type = memref<256xi32>
// CHECK:      func.func private @layer_00_softmax(%input: memref<1x4xi8>, %exp: memref<256xi32>, %output: memref<1x4xi8>)
// CHECK:      [[TABLE:%.*]] = memref.get_global @layer_00_softmax_exp
// CHECK-NEXT: func.call @layer_00_softmax(%x, [[TABLE]], %y)

// -----

// Functions that are not the network, and ops that are no layers, stay as they are.
func.func @other(%x: memref<4xui8>, %y: memref<4xui8>) {
  tinyml.reshape ins(%x : memref<4xui8>) outs(%y : memref<4xui8>)
  func.return
}
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}) {
  "test.op"(%x) : (memref<4xi8>) -> ()
  func.return
}
// CHECK:      func.func @other(
// CHECK-NEXT: tinyml.reshape
// CHECK:      func.func @main(
// CHECK-NEXT: "test.op"(%x)

// -----

// A constant that a layer reads as a buffer is signless as well: 200 is -56.
"memref.global"() <{sym_name = "c", type = memref<2xui8>, initial_value = dense<[7, 200]> : tensor<2xui8>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%y: memref<2x1xui8> {tinyml.output = #tinyml.tensor<"y">}) {
  %c = memref.get_global @c : memref<2xui8>
  tinyml.reshape ins(%c : memref<2xui8>) outs(%y : memref<2x1xui8>)
  func.return
}
// CHECK:      sym_name = "c", type = memref<2xi8>, initial_value = dense<[7, -56]> : tensor<2xi8>
// CHECK:      %c = memref.get_global @c : memref<2xi8>
// CHECK-NEXT: func.call @layer_00_reshape(%c, %y)
