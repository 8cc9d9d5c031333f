// RUN: tinyml-opt %s -p tinyml-fold-constants --split-input-file --print-debuginfo | filecheck %s
// RUN: tinyml-opt %s -p tinyml-fold-constants,tinyml-fold-constants --split-input-file --print-debuginfo | filecheck %s

// Layers in a row are computed, and one that others read in another shape; what only
// they read is gone.
func.func @main(%x: memref<2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<2x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %c = memref.get_global @c : memref<4xi8>
  %d = memref.get_global @d : memref<1xi8>
  %a = tinyml.alloc : memref<4xi8>
  %b = tinyml.alloc : memref<4xi8>
  %v = memref.reinterpret_cast %b to offset: [0], sizes: [2, 2], strides: [2, 1] : memref<4xi8> to memref<2x2xi8>
  tinyml.maximum ins(%c, %d : memref<4xi8>, memref<1xi8>) outs(%a : memref<4xi8>) loc("largest")
  tinyml.slice ins(%a : memref<4xi8>) outs(%b : memref<4xi8>) offsets [3] strides [-1] loc("backward")
  tinyml.minimum ins(%x, %v : memref<2x2xi8>, memref<2x2xi8>) outs(%y : memref<2x2xi8>) loc("y")
  func.return
}
"memref.global"() <{sym_name = "c", type = memref<4xi8>, initial_value = dense<[-1, 2, -3, 4]> : tensor<4xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "d", type = memref<1xi8>, initial_value = dense<1> : tensor<1xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK-NOT:  sym_name = "{{[cd]}}"
// CHECK:      "memref.global"() <{sym_name = "slice_1_constant", type = memref<2x2xi8>, initial_value = dense<{{\[\[}}4, 1], [2, 1]]>
// CHECK-NEXT: func.func @main(%x
// CHECK-NEXT: %v = memref.get_global @slice_1_constant : memref<2x2xi8> loc("backward")
// CHECK-NEXT: tinyml.minimum ins(%x, %v : {{.*}}) outs(%y
// CHECK-NEXT: func.return
// CHECK-NOT:  sym_name = "{{[cd]}}"

// -----

// Other elements; the constant stands where the layer was in the model. What a layer of
// the network reads too stays.
func.func @main(%x: memref<1x2x1x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x1x1xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x2x1x1xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %c = memref.get_global @c : memref<1x2x1x1xui8>
  %f = tinyml.alloc : memref<1x2x1x1xf32>
  %a = tinyml.alloc : memref<1x2x1x1xi8>
  %b = tinyml.alloc : memref<1x2x1x1xi8>
  tinyml.dequantize ins(%c : memref<1x2x1x1xui8>) outs(%f : memref<1x2x1x1xf32>) scale 5.000000e-01 zero_points [100]
  tinyml.quantize ins(%f : memref<1x2x1x1xf32>) outs(%a : memref<1x2x1x1xi8>) scale 1.000000e+00 zero_points [0] rounding away
  tinyml.conv2d ins(%a : memref<1x2x1x1xi8>) outs(%b : memref<1x2x1x1xi8>) weights @w requant @rq window <[1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double loc("conv")
  tinyml.maximum ins(%x, %b : memref<1x2x1x1xi8>, memref<1x2x1x1xi8>) outs(%y : memref<1x2x1x1xi8>)
  tinyml.conv2d ins(%x : memref<1x2x1x1xi8>) outs(%z : memref<1x2x1x1xi8>) weights @w requant @rq window <[1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}
"memref.global"() <{sym_name = "c", type = memref<1x2x1x1xui8>, initial_value = dense<[[[[200]], [[90]]]]> : tensor<1x2x1x1xui8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "w", type = memref<1x1x1x1xi8>, initial_value = dense<2> : tensor<1x1x1x1xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<1x2xi32>, initial_value = dense<[[1073741824, 1]]> : tensor<1x2xi32>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      "memref.global"() <{sym_name = "conv2d_constant", type = memref<1x2x1x1xi8>, initial_value = dense<{{\[\[\[\[}}100]], {{\[\[}}-10]]]]>
// CHECK-NEXT: func.func @main(%x
// CHECK-NEXT: %b = memref.get_global @conv2d_constant : memref<1x2x1x1xi8> loc("conv")
// CHECK-NEXT: tinyml.maximum ins(%x, %b
// CHECK-NEXT: tinyml.conv2d ins(%x {{.*}} weights @w requant @rq
// CHECK-NEXT: func.return
// CHECK-NOT:  sym_name = "c"
// CHECK:      sym_name = "w"
// CHECK-NEXT: sym_name = "rq"

// -----

// An output of the network is written by a layer, through a view too. A global that may
// change is no constant, nor is one without a value.
func.func @main(%y: memref<2xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<2x1xi8> {tinyml.output = #tinyml.tensor<"z">}, %u: memref<2xi8> {tinyml.output = #tinyml.tensor<"u">}) {
  %c = memref.get_global @c : memref<2xi8>
  %d = memref.get_global @variable : memref<2xi8>
  %e = memref.get_global @unknown : memref<2xi8>
  %v = memref.reinterpret_cast %z to offset: [0], sizes: [2], strides: [1] : memref<2x1xi8> to memref<2xi8>
  %a = tinyml.alloc : memref<2xi8>
  %b = tinyml.alloc : memref<2xi8>
  tinyml.maximum ins(%c, %c : memref<2xi8>, memref<2xi8>) outs(%y : memref<2xi8>)
  tinyml.minimum ins(%c, %c : memref<2xi8>, memref<2xi8>) outs(%v : memref<2xi8>)
  tinyml.maximum ins(%c, %d : memref<2xi8>, memref<2xi8>) outs(%a : memref<2xi8>)
  tinyml.minimum ins(%c, %e : memref<2xi8>, memref<2xi8>) outs(%b : memref<2xi8>)
  tinyml.maximum ins(%a, %b : memref<2xi8>, memref<2xi8>) outs(%u : memref<2xi8>)
  func.return
}
"memref.global"() <{sym_name = "c", type = memref<2xi8>, initial_value = dense<1> : tensor<2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "variable", type = memref<2xi8>, initial_value = dense<1> : tensor<2xi8>, sym_visibility = "private", alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "unknown", type = memref<2xi8>, initial_value, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      tinyml.maximum ins(%c, %c {{.*}} outs(%y
// CHECK-NEXT: tinyml.minimum ins(%c, %c {{.*}} outs(%v
// CHECK-NEXT: tinyml.maximum ins(%c, %d {{.*}} outs(%a
// CHECK-NEXT: tinyml.minimum ins(%c, %e {{.*}} outs(%b
// CHECK-NEXT: tinyml.maximum ins(%a, %b {{.*}} outs(%u

// -----

// What is read before it is written is for later passes to refuse.
func.func @main(%y: memref<2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %c = memref.get_global @c : memref<2xi8>
  %a = tinyml.alloc : memref<2xi8>
  tinyml.maximum ins(%a, %c : memref<2xi8>, memref<2xi8>) outs(%y : memref<2xi8>)
  tinyml.maximum ins(%c, %c : memref<2xi8>, memref<2xi8>) outs(%a : memref<2xi8>)
  func.return
}
"memref.global"() <{sym_name = "c", type = memref<2xi8>, initial_value = dense<1> : tensor<2xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      tinyml.maximum ins(%a, %c {{.*}} outs(%y
// CHECK-NEXT: tinyml.maximum {{.*}} outs(%a
