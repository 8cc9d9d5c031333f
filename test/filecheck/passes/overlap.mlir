// RUN: tinyml-opt %s --split-input-file -p tinyml-overlap | filecheck %s
// RUN: tinyml-opt %s --split-input-file -p tinyml-select-kernels,tinyml-overlap | filecheck %s --check-prefix=EITHER

// A 3x3 pool over 4x4 pixels of 2 channels. Forwards, pixel (1, 1) overwrites what lies
// five pixels above the pixel that it needs first.
func.func @pool(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>)
    window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  // CHECK: tinyml.reuse = [#tinyml.reuse<in 0, below 10, above 32>]
  // Backwards it is the same the other way round.
  // EITHER: tinyml.kernel = #tinyml.kernel<either>, tinyml.reuse = [#tinyml.reuse<in 0, below 10, above 10>]
  func.return
}

// -----

// Bytes become floats from the last one on, at their own place or even a bit below;
// forwards the floats have to start far below.
func.func @grow(%x: memref<6xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xf32> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.dequantize ins(%x : memref<6xi8>) outs(%y : memref<6xf32>) scale 1.0 zero_points [0]
  // CHECK: tinyml.reuse = [#tinyml.reuse<in 0, below 15, above 6>]
  // EITHER: tinyml.reuse<in 0, below 15, above -3>
  func.return
}

// -----

// Each input of a sum may be overwritten, but only forwards.
func.func @sum(%a: memref<6xi8> {tinyml.input = #tinyml.tensor<"a">}, %b: memref<6xi8> {tinyml.input = #tinyml.tensor<"b">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.add ins(%a, %b : memref<6xi8>, memref<6xi8>) outs(%y : memref<6xi8>)
    requant [#tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>, #tinyml.requant<1073741824, 1>]
    zero_points [0, 0, 0] clamp [-128, 127] rounding double
  // CHECK: tinyml.reuse = [#tinyml.reuse<in 0, below 0, above 6>, #tinyml.reuse<in 1, below 0, above 6>]
  // EITHER: tinyml.reuse = [#tinyml.reuse<in 0, below 0, above 6>, #tinyml.reuse<in 1, below 0, above 6>]
  func.return
}

// -----

// A pad fills its output first: nothing is shared.
func.func @pad(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.pad ins(%x : memref<4xi8>) outs(%y : memref<6xi8>) low [1] high [1] value 0
  // CHECK: tinyml.pad {{.*}} value 0 {tinyml.remarks = {"tinyml-overlap" = "no overlap: tinyml.pad does not read in the order in which it writes"}}
  func.return
}
