// RUN: tinyml-opt %s -p 'tinyml-stream{layers=2}' | filecheck %s --check-prefix=ROWS
// RUN: tinyml-opt %s -p 'tinyml-stream{layers=2 block=2}' | filecheck %s --check-prefix=PIXELS
// RUN: tinyml-opt %s -p 'tinyml-stream{layers=2 columns=2 block=1}' | filecheck %s --check-prefix=STRIPS
// RUN: tinyml-opt %s -p 'tinyml-stream{first=1 layers=2}' | filecheck %s --check-prefix=LATER
// RUN: not tinyml-opt %s -p 'tinyml-stream{first=2 layers=2}' 2>&1 | filecheck %s --check-prefix=MANY
// RUN: not tinyml-opt %s -p 'tinyml-stream{layers=2 columns=9}' 2>&1 | filecheck %s --check-prefix=FINE

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x8x8x2xi8>) outs(%a : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  tinyml.mean ins(%b : memref<1x4x4x2xi8>) outs(%y : memref<1x2xi8>) axes [1, 2] requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}

// Halos are kept along the height: rows pass from layer to layer.
// ROWS:      tinyml.stage ins(%x : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) grid [1, 1] halo cache, recompute {
// ROWS-NEXT: ^{{.*}}(%x_1: memref<1x8x8x2xi8>, %b_1: memref<1x4x4x2xi8>):
// ROWS-NEXT:   %a = tinyml.alloc : memref<1x8x8x2xi8>
// ROWS-NEXT:   tinyml.max_pool2d ins(%x_1 : {{.*}}) outs(%a :
// ROWS-NEXT:   tinyml.max_pool2d ins(%a : {{.*}}) outs(%b_1 :
// ROWS-NEXT: }
// ROWS-NEXT: tinyml.mean ins(%b :

// Along both axes: two pixels do.
// PIXELS: tinyml.stage {{.*}} grid [1, 1] halo cache, cache block 2 {

// Strips share nothing, but pixels pass from layer to layer within one.
// STRIPS:      tinyml.stage {{.*}} grid [1, 2] halo cache, recompute {
// STRIPS:        %a = tinyml.alloc {tinyml.halo = [#tinyml<halo cache>, #tinyml<halo cache>]} :

// A mean over the whole image may come last.
// LATER:      tinyml.max_pool2d ins(%x :
// LATER-NEXT: tinyml.stage ins(%a : memref<1x8x8x2xi8>) outs(%y : memref<1x2xi8>) grid [1, 1] halo cache, recompute {
// LATER:        tinyml.mean

// MANY: there are no layers 2 to 3; the network has 3
// FINE: 9 tiles of 4 columns
