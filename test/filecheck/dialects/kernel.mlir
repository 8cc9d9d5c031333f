// RUN: tinyml-opt %s | filecheck %s
// RUN: tinyml-opt %s --print-op-generic | tinyml-opt | filecheck %s

"test.op"() {a = #tinyml.kernel<either>, b = #tinyml.kernel<channels, 4>, c = #tinyml.kernel<channels, 4, planar>, d = #tinyml.kernel<either, dot>, e = #tinyml.kernel<forward, winograd>} : () -> ()
// CHECK: "test.op"() {a = #tinyml.kernel<either>, b = #tinyml.kernel<channels, 4>, c = #tinyml.kernel<channels, 4, planar>, d = #tinyml.kernel<either, dot>, e = #tinyml.kernel<forward, winograd>}

"test.op"() {a = #tinyml.reuse<in 0, below 560, above 640>, b = #tinyml.reuse<in 1, below -3, above 8, at 0>} : () -> ()
// CHECK: "test.op"() {a = #tinyml.reuse<in 0, below 560, above 640>, b = #tinyml.reuse<in 1, below -3, above 8, at 0>}
