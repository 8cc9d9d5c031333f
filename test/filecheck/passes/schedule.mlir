// RUN: tinyml-opt %s --split-input-file -p tinyml-schedule | filecheck %s
// RUN: tinyml-opt %s --split-input-file -p tinyml-plan-memory | filecheck %s --check-prefix=GIVEN
// RUN: tinyml-opt %s --split-input-file -p tinyml-schedule,tinyml-plan-memory | filecheck %s --check-prefix=BETTER
// RUN: tinyml-opt %s --split-input-file -p 'tinyml-schedule{states=1}' | filecheck %s --check-prefix=LIMITED
// RUN: tinyml-opt %s --split-input-file -p tinyml-schedule,tinyml-schedule | filecheck %s

// Two branches that grow to 64 bytes and shrink again, layer beside layer: both large
// buffers live at the same time. One branch after the other needs only one of them. The
// view and the buffers move with the layers that use them.
// CHECK:       func.func @branches
// CHECK-SAME:    attributes {tinyml.schedule = "optimal"}
// CHECK-NEXT:  %a = tinyml.alloc : memref<1x8x8x1xi8>
// CHECK-NEXT:  tinyml.pad ins(%x {{.*}} outs(%a
// CHECK-NEXT:  %c = tinyml.alloc : memref<1x2x2x1xi8>
// CHECK-NEXT:  tinyml.max_pool2d ins(%a {{.*}} outs(%c
// CHECK-NEXT:  %flat = memref.reinterpret_cast %x
// CHECK-NEXT:  %b = tinyml.alloc : memref<64xi8>
// CHECK-NEXT:  tinyml.pad ins(%flat {{.*}} outs(%b {{.*}}tinyml.index = 1
// CHECK-NEXT:  %d = tinyml.alloc : memref<4xi8>
// CHECK-NEXT:  tinyml.slice ins(%b {{.*}} outs(%d
// CHECK-NEXT:  %e = memref.reinterpret_cast %c
// CHECK-NEXT:  tinyml.concat ins(%e, %d {{.*}} outs(%y
// CHECK-NEXT:  %unused = memref.reinterpret_cast %a
// GIVEN: @branches{{.*}} tinyml.lower_bound = 144 : i64
// BETTER: @branches{{.*}} tinyml.lower_bound = 84 : i64
// Nothing was proven, but a greedy order is better than the given one.
// LIMITED: @branches{{.*}} attributes {tinyml.schedule = "limited"}
// LIMITED: outs(%a
// LIMITED: outs(%c
func.func @branches(%x: memref<1x4x4x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<8xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x1xi8>
  %b = tinyml.alloc : memref<64xi8>
  %flat = memref.reinterpret_cast %x to offset: [0], sizes: [16], strides: [1] : memref<1x4x4x1xi8> to memref<16xi8>
  %c = tinyml.alloc : memref<1x2x2x1xi8>
  %unused = memref.reinterpret_cast %a to offset: [0], sizes: [64], strides: [1] : memref<1x8x8x1xi8> to memref<64xi8>
  %e = memref.reinterpret_cast %c to offset: [0], sizes: [4], strides: [1] : memref<1x2x2x1xi8> to memref<4xi8>
  %d = tinyml.alloc : memref<4xi8>
  tinyml.pad ins(%x : memref<1x4x4x1xi8>) outs(%a : memref<1x8x8x1xi8>)
    low [0, 2, 2, 0] high [0, 2, 2, 0] value 0 {tinyml.index = 0 : i64}
  tinyml.pad ins(%flat : memref<16xi8>) outs(%b : memref<64xi8>)
    low [0] high [48] value 0 {tinyml.index = 1 : i64}
  tinyml.max_pool2d ins(%a : memref<1x8x8x1xi8>) outs(%c : memref<1x2x2x1xi8>)
    window <[4, 4], strides = [4, 4]> clamp [-128, 127] {tinyml.index = 2 : i64}
  tinyml.slice ins(%b : memref<64xi8>) outs(%d : memref<4xi8>)
    offsets [0] strides [1] {tinyml.index = 3 : i64}
  tinyml.concat ins(%e, %d : memref<4xi8>, memref<4xi8>) outs(%y : memref<8xi8>)
    axis 0 {tinyml.index = 4 : i64}
  func.return
}

// -----

// A chain has one order, and nothing moves.
// CHECK:       func.func @chain
// CHECK-SAME:    attributes {tinyml.schedule = "optimal"}
// CHECK-NEXT:  %b = tinyml.alloc
// CHECK-NEXT:  %a = tinyml.alloc
// CHECK-NEXT:  tinyml.reshape ins(%x
// CHECK-NEXT:  tinyml.reshape ins(%a
// CHECK-NEXT:  tinyml.reshape ins(%b
// LIMITED: @chain{{.*}} attributes {tinyml.schedule = "optimal"}
func.func @chain(%x: memref<6xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %b = tinyml.alloc : memref<6xi8>
  %a = tinyml.alloc : memref<2x3xi8>
  tinyml.reshape ins(%x : memref<6xi8>) outs(%a : memref<2x3xi8>)
  tinyml.reshape ins(%a : memref<2x3xi8>) outs(%b : memref<6xi8>)
  tinyml.reshape ins(%b : memref<6xi8>) outs(%y : memref<6xi8>)
  func.return
}
