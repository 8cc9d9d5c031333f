// RUN: tinyml-opt %s -p 'tinyml-patch{layers=2 rows=2 columns=2}' | filecheck %s
// RUN: not tinyml-opt %s -p 'tinyml-patch{layers=3}' 2>&1 | filecheck %s --check-prefix=MANY
// RUN: not tinyml-opt %s -p 'tinyml-patch{layers=2 rows=9}' 2>&1 | filecheck %s --check-prefix=FINE

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x8x8x2xi8>) outs(%a : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  tinyml.mean ins(%b : memref<1x4x4x2xi8>) outs(%y : memref<1x2xi8>) axes [1, 2] requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}

// What lies between the two layers is inside now, what comes after is not.
// CHECK:      %b = tinyml.alloc
// CHECK-NEXT: tinyml.stage ins(%x : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) grid [2, 2] halo recompute, recompute {
// CHECK-NEXT: ^{{.*}}(%x_1: memref<1x8x8x2xi8>, %b_1: memref<1x4x4x2xi8>):
// CHECK-NEXT:   %a = tinyml.alloc : memref<1x8x8x2xi8>
// CHECK-NEXT:   tinyml.max_pool2d ins(%x_1 : {{.*}}) outs(%a :
// CHECK-NEXT:   tinyml.max_pool2d ins(%a : {{.*}}) outs(%b_1 :
// CHECK-NEXT: }
// CHECK-NEXT: tinyml.mean ins(%b :

// MANY: 3 layers do not make a stage; the first 2 do
// FINE: 9 tiles of 4 rows
