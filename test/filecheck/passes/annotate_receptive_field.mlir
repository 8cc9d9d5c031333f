// RUN: tinyml-opt %s -p tinyml-annotate-receptive-field | filecheck %s
// RUN: tinyml-opt %s -p tinyml-read-input,tinyml-annotate-receptive-field | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-annotate-receptive-field{layers=2 rows=2 columns=1}' | filecheck %s --check-prefix=PATCHES
// RUN: not tinyml-opt %s -p 'tinyml-annotate-receptive-field{layers=3}' 2>&1 | filecheck %s --check-prefix=TOO-MANY
// RUN: not tinyml-opt %s -p 'tinyml-annotate-receptive-field{columns=9}' 2>&1 | filecheck %s --check-prefix=TOO-FINE

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  // A pixel and its neighbours; the lower tile's second layer needs 5 of 8 rows.
  tinyml.max_pool2d ins(%x : memref<1x8x8x2xi8>) outs(%a : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  // CHECK: max_pool2d {{.*}} {tinyml.receptive_field = array<i64: 3, 3>, tinyml.step = array<i64: 1, 1>}
  // PATCHES: max_pool2d {{.*}} {tinyml.receptive_field = array<i64: 3, 3>, tinyml.step = array<i64: 1, 1>, tinyml.tile = array<i64: 5, 8>, tinyml.patch_macs = 0 : i64}
  tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[3, 3], strides = [2, 2], pad = [0, 1, 0, 1]> clamp [-128, 127]
  // CHECK: max_pool2d {{.*}} {tinyml.receptive_field = array<i64: 5, 5>, tinyml.step = array<i64: 2, 2>}
  // PATCHES: max_pool2d {{.*}} tinyml.tile = array<i64: 2, 4>, tinyml.patch_macs = 0 : i64}
  // A mean of all pixels ends what can be a stage.
  tinyml.mean ins(%b : memref<1x4x4x2xi8>) outs(%y : memref<1x2xi8>) axes [1, 2] requant <1073741824, 1> zero_points [0, 0] rounding double
  // CHECK: tinyml.mean {{.*}} rounding double{{$}}
  func.return
}

// TOO-MANY: 3 layers do not make a stage; the first 2 do
// TOO-FINE: 9 tiles do not divide 4 pixels
