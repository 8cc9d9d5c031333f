// RUN: tinyml-opt %s -p tinyml-fuse-activation --split-input-file --print-debuginfo | filecheck %s

// A relu as a table, a 1x1 pool, and a minimum with a constant go into the clamp of the
// layer before; that has the name of what it writes then.
func.func @main(%x: memref<1x2x2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x2x2x2xi8>
  %v = memref.reinterpret_cast %a to offset: [0], sizes: [1, 8], strides: [8, 1] : memref<1x2x2x2xi8> to memref<1x8xi8>
  %b = tinyml.alloc : memref<1x2x2x2xi8>
  %c = tinyml.alloc : memref<1x8xi8>
  %m = "memref.get_global"() <{name = @most}> : () -> memref<i8>
  tinyml.max_pool2d ins(%x : memref<1x2x2x2xi8>) outs(%b : memref<1x2x2x2xi8>) window <[2, 2], pad = [0, 1, 0, 1]> clamp [-100, 100] {tinyml.index = 1 : i64, tinyml.tensor = 7 : i64} loc("pool")
  tinyml.max_pool2d ins(%b : memref<1x2x2x2xi8>) outs(%a : memref<1x2x2x2xi8>) window <[1, 1]> clamp [-90, 127] {tinyml.index = 2 : i64} loc("relu")
  tinyml.minimum ins(%v, %m : memref<1x8xi8>, memref<i8>) outs(%c : memref<1x8xi8>) {tinyml.index = 3 : i64} loc("min")
  tinyml.lookup ins(%c : memref<1x8xi8>) outs(%y : memref<1x8xi8>) table @same {tinyml.index = 4 : i64, tinyml.tensor = 9 : i64} loc("y")
  func.return
}
"memref.global"() <{sym_name = "most", type = memref<i8>, initial_value = dense<80> : tensor<i8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
"memref.global"() <{sym_name = "same", type = memref<256xi8>, initial_value = dense<"0x808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F"> : tensor<256xi8>, sym_visibility = "private", constant, alignment = 4 : i64}> : () -> ()
// CHECK:      builtin.module {
// CHECK-NEXT: func.func @main(%x
// CHECK-NEXT: [[Y:%.*]] = memref.reinterpret_cast %y to offset: [0], sizes: [1, 2, 2, 2]
// CHECK-NOT:  memref.get_global
// CHECK:      tinyml.max_pool2d ins(%x : {{.*}}) outs([[Y]] : {{.*}} clamp [-90, 80] {tinyml.index = 3 : i64} loc("min")
// CHECK-NEXT: func.return
// CHECK-NOT:  memref.global

// -----

// What does nothing to the bytes that come goes, whoever else reads them; what does
// something stays if others read them too, or if no layer writes them.
func.func @main(%x: memref<1x2x2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x2x2x2xi8> {tinyml.output = #tinyml.tensor<"z">}) {
  %a = tinyml.alloc : memref<1x2x2x2xi8>
  %b = tinyml.alloc : memref<1x2x2x2xi8>
  %c = tinyml.alloc : memref<1x2x2x2xi8>
  %d = tinyml.alloc : memref<1x2x2x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x2x2x2xi8>) outs(%a : memref<1x2x2x2xi8>) window <[1, 1]> clamp [-100, 100]
  tinyml.max_pool2d ins(%a : memref<1x2x2x2xi8>) outs(%b : memref<1x2x2x2xi8>) window <[2, 2], pad = [0, 1, 0, 1]> clamp [-100, 100]
  tinyml.max_pool2d ins(%b : memref<1x2x2x2xi8>) outs(%c : memref<1x2x2x2xi8>) window <[1, 1]> clamp [-120, 100]
  tinyml.max_pool2d ins(%c : memref<1x2x2x2xi8>) outs(%d : memref<1x2x2x2xi8>) window <[1, 1]> clamp [-120, 99]
  tinyml.maximum ins(%x, %c : memref<1x2x2x2xi8>, memref<1x2x2x2xi8>) outs(%y : memref<1x2x2x2xi8>)
  tinyml.maximum ins(%a, %d : memref<1x2x2x2xi8>, memref<1x2x2x2xi8>) outs(%z : memref<1x2x2x2xi8>)
  func.return
}
// CHECK:      tinyml.max_pool2d ins(%x {{.*}} clamp [-100, 100]
// CHECK-NEXT: tinyml.max_pool2d ins(%a {{.*}} clamp [-100, 100]
// CHECK-NEXT: tinyml.max_pool2d ins(%b {{.*}} outs(%d {{.*}} clamp [-120, 99]
// CHECK-NEXT: tinyml.maximum ins(%x, %b
// CHECK-NEXT: tinyml.maximum ins(%a, %d

// -----

// An output of the network is what it was; from port to port there is a copy; a change
// of scale and a layer without a clamp are none.
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}, %z: memref<1x2x2x1xi8> {tinyml.output = #tinyml.tensor<"z">}, %u: memref<4xi8> {tinyml.output = #tinyml.tensor<"u">}) {
  %a = tinyml.alloc : memref<4xi8>
  %v = memref.reinterpret_cast %x to offset: [0], sizes: [1, 2, 2, 1], strides: [4, 2, 1, 1] : memref<4xi8> to memref<1x2x2x1xi8>
  tinyml.avg_pool2d ins(%v : memref<1x2x2x1xi8>) outs(%y : memref<1x2x2x1xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.avg_pool2d ins(%y : memref<1x2x2x1xi8>) outs(%z : memref<1x2x2x1xi8>) window <[1, 1]> clamp [-5, 127]
  tinyml.maximum ins(%x, %x : memref<4xi8>, memref<4xi8>) outs(%a : memref<4xi8>)
  tinyml.requantize ins(%a : memref<4xi8>) outs(%u : memref<4xi8>) requant <1073741824, 0> zero_points [0, 0] rounding even
  func.return
}
// CHECK:      tinyml.avg_pool2d {{.*}} outs(%y {{.*}} clamp [-128, 127]
// CHECK-NEXT: tinyml.avg_pool2d ins(%y {{.*}} clamp [-5, 127]
// CHECK-NEXT: tinyml.requantize ins(%x
