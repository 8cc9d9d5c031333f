// RUN: tinyml-opt %s -p @default | filecheck %s
// RUN: tinyml-opt %s -p @reference | filecheck %s --check-prefix=REFERENCE
// RUN: tinyml-opt %s -p @default -t tinyml-c > %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c
// RUN: tinyml-opt %s -p '@reference,tinyml-prefix-symbols{prefix="@x"}' | filecheck %s --check-prefix=MORE
// RUN: tinyml-opt -p 'canonicalize,@ram' --print-pipeline | filecheck %s --check-prefix=PRINTED
// RUN: tinyml-opt -p @cortex-m7 --print-pipeline | filecheck %s --check-prefix=CORE

// A named pipeline leads from a network of layers to what the C printer spells.
func.func @network(%x: memref<2x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<2x2xi8>
  %b = tinyml.alloc : memref<1x4xi8>
  tinyml.transpose ins(%x : memref<2x2xi8>) outs(%a : memref<2x2xi8>) permutation [1, 0]
  tinyml.reshape ins(%a : memref<2x2xi8>) outs(%b : memref<1x4xi8>)
  tinyml.softmax ins(%b : memref<1x4xi8>) outs(%y : memref<1x4xi8>) requant <1381073408, 24> rounding double
  func.return
}

// The reshape is a view; the softmax runs in place.
// CHECK:      func.func private @layer_end(i32) -> () attributes {tinyml.hook}
// CHECK:      func.func private @layer_00_transpose(%input: memref<2x2xi8> {llvm.readonly}, %output: memref<2x2xi8>)
// CHECK:      func.func @network(%arena: memref<8xi8>)
// CHECK-SAME:   tinyml.peak_bytes = 8 : i64
// CHECK-NOT:  tinyml.alloc
// CHECK:      memref.reinterpret_cast
// CHECK:      func.call @layer_00_transpose(
// CHECK-SAME:   tinyml.live_bytes = 8 : i64, tinyml.op = "tinyml.transpose"
// CHECK:      func.call @layer_end(

// Layer by layer with nothing shared.
// REFERENCE:      func.func @network(%arena: memref<16xi8>)

// A name may stand anywhere, but in quotes it is a text.
// MORE: func.func @"@x_network"(%arena: memref<16xi8>)
// PRINTED: canonicalize,tinyml-fold-constants,{{.*}}tinyml-plan-memory{strategy="optimal"}

// What a target runs, down to instructions.
// CORE: tinyml-number-layers,tinyml-fold-constants,{{.*}}tinyml-annotate-cycles{core="cortex-m7"}
// CORE-SAME: tinyml-outline-hot-loops,tinyml-select-thumb,
