// RUN: tinyml-opt %s -p tinyml-plan-memory | filecheck %s --check-prefix=GREEDY
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=optimal}' | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=optimal nodes=1}' | filecheck %s --check-prefix=LIMITED
// RUN: tinyml-opt %s -p 'tinyml-plan-memory{strategy=optimal},tinyml-plan-memory' | filecheck %s --check-prefix=GREEDY

// The bytes of %y may begin three bytes above those of %s, in whose place they are made
// from the last one on; the search finds what has to lie elsewhere for that. That no
// plan needs fewer it has shown too: the bound that follows from sizes alone is 42.
// CHECK:       %x: {{.*}}tinyml.at = 8 : i64}, %s: {{.*}}tinyml.at = 0 : i64}, %y: {{.*}}tinyml.at = 4 : i64}
// CHECK-SAME:    attributes {tinyml.arena_bytes = 46 : i64, tinyml.lower_bound = 46 : i64, tinyml.plan = "optimal"}
// CHECK-NEXT:  %a = tinyml.alloc at 4
// CHECK-NEXT:  %b = tinyml.alloc at 32
// CHECK-NEXT:  %c = tinyml.alloc at 32

// GREEDY:      attributes {tinyml.arena_bytes = 47 : i64, tinyml.lower_bound = 42 : i64} {

// Cut short, it keeps the greedy plan and the bound that it knows.
// LIMITED:     attributes {tinyml.arena_bytes = 47 : i64, tinyml.lower_bound = 42 : i64, tinyml.plan = "bound 42"}
func.func @main(%x: memref<1x7x4x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %s: memref<3x1x1x1xi8> {tinyml.input = #tinyml.tensor<"s">}, %y: memref<3x7x2x1xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x7x2x1xi8>
  %b = tinyml.alloc : memref<1x7x2x1xi8>
  %c = tinyml.alloc : memref<1x7x2x1xi8>
  tinyml.max_pool2d ins(%x : memref<1x7x4x1xi8>) outs(%a : memref<1x7x2x1xi8>)
    window <[1, 2], strides = [1, 2]> clamp [-128, 127]
    {tinyml.reuse = [#tinyml.reuse<in 0, below 4, above 13>], tinyml.kernel = #tinyml.kernel<either>}
  tinyml.minimum ins(%a, %a : memref<1x7x2x1xi8>, memref<1x7x2x1xi8>) outs(%b : memref<1x7x2x1xi8>)
  tinyml.minimum ins(%b, %a : memref<1x7x2x1xi8>, memref<1x7x2x1xi8>) outs(%c : memref<1x7x2x1xi8>)
    {tinyml.reuse = [#tinyml.reuse<in 0, below 0, above 14>, #tinyml.reuse<in 1, below 0, above 14>]}
  tinyml.minimum ins(%s, %c : memref<3x1x1x1xi8>, memref<1x7x2x1xi8>) outs(%y : memref<3x7x2x1xi8>)
    {tinyml.reuse = [#tinyml.reuse<in 0, below 39, above 3>, #tinyml.reuse<in 1, below 28, above 14>], tinyml.kernel = #tinyml.kernel<either>}
  func.return
}
