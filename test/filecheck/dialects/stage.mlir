// RUN: tinyml-opt %s | filecheck %s
// RUN: tinyml-opt %s --print-op-generic | tinyml-opt | filecheck %s

func.func @main(%x: memref<1x8x8x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x8x8x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 2] halo cache, recompute {
  ^bb0(%a: memref<1x8x8x2xi8>, %b: memref<1x4x4x2xi8>):
    %t = tinyml.alloc : memref<1x8x8x2xi8>
    tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%t : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
    tinyml.max_pool2d ins(%t : memref<1x8x8x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  }
  func.return
}

// CHECK:      tinyml.stage ins(%x : memref<1x8x8x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 2] halo cache, recompute {
// CHECK-NEXT: ^{{.*}}(%a: memref<1x8x8x2xi8>, %b: memref<1x4x4x2xi8>):
// CHECK-NEXT:   %t = tinyml.alloc : memref<1x8x8x2xi8>
// CHECK-NEXT:   tinyml.max_pool2d ins(%a
// CHECK-NEXT:   tinyml.max_pool2d ins(%t
// CHECK-NEXT: }
