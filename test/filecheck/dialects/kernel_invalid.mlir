// RUN: tinyml-opt %s --parsing-diagnostics --verify-diagnostics --split-input-file | filecheck %s

"test.op"() {a = #tinyml.kernel<sideways>} : () -> ()
// CHECK: Expected `forward`, `backward`, `either`, or `channels`.

// -----

"test.op"() {a = #tinyml.kernel<channels>} : () -> ()
// CHECK: traversal channels with 0 channels at a time

// -----

"test.op"() {a = #tinyml.kernel<forward, 4>} : () -> ()
// CHECK: traversal forward with 4 channels at a time

// -----

"test.op"() {a = #tinyml.reuse<in 0, below 1, above 2, at 3>} : () -> ()
// CHECK: expected 0
