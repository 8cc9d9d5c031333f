// RUN: tinyml-opt %S/../../../examples/digits/digits_int8.onnx -t 'tinyml-mlir{debuginfo=true}' | filecheck %s
// RUN: tinyml-opt %S/../../../examples/digits/digits_int8.onnx | tinyml-opt | filecheck %s --check-prefix=PARSED

// Weights are constants beside the network, in the dialect's layout (depthwise: HWC).
// CHECK:      sym_name = "conv_21_weights", type = memref<3x3x16xi8>

// The network keeps the model's own float NCHW input and output.
// CHECK:      func.func @network(%input: memref<1x1x8x8xf32> {tinyml.input = #tinyml.tensor<"image">}
// CHECK-SAME:   %output: memref<1x10xf32> {tinyml.output = #tinyml.tensor<"logits">}

// A layer is named after the tensor that it writes.
// CHECK:      tinyml.conv2d
// CHECK-SAME:   loc("/stem/stem.1/Relu_output_0")

// PARSED:      tinyml.quantize
// One channel: from NCHW to NHWC only the shape changes.
// PARSED:      tinyml.reshape {{.*}} outs({{.*}} : memref<1x8x8x1xi8>)
// PARSED:      tinyml.conv2d {{.*}} window <[3, 3], pad = [1, 1, 1, 1]>
// ONNX rounds once, to even, and every layer says so.
// PARSED-SAME:   rounding even
// PARSED:      tinyml.depthwise_conv2d
// PARSED:      tinyml.conv2d {{.*}} window <[1, 1]>
// PARSED:      tinyml.max_pool2d
// PARSED:      tinyml.conv2d
// PARSED:      tinyml.conv2d
// PARSED:      tinyml.add
// PARSED:      tinyml.depthwise_conv2d {{.*}} strides = [2, 2]
// PARSED:      tinyml.conv2d
// PARSED:      tinyml.mean {{.*}} axes [1, 2]
// A map of one element needs no flattening.
// PARSED-NEXT: tinyml.alloc
// PARSED-NEXT: tinyml.fully_connected ins({{.*}} : memref<1x1x1x64xi8>)
// PARSED-NEXT: tinyml.dequantize
// PARSED-NEXT: return
