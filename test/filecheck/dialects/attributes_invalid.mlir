// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

// A multiplier of -2^31 would overflow the doubling high multiply.
"test.op"() {a = #tinyml.requant<-2147483648, 0>} : () -> ()
// CHECK: requant multiplier -2147483648 is not in (-2^31, 2^31)

// -----

"test.op"() {a = #tinyml.requant<2147483648, 0>} : () -> ()
// CHECK: requant multiplier 2147483648 is not in (-2^31, 2^31)

// -----

"test.op"() {a = #tinyml.requant<1, -32>} : () -> ()
// CHECK: requant shift -32 is not in [-31, 30]

// -----

"test.op"() {a = #tinyml.requant<1, 31>} : () -> ()
// CHECK: requant shift 31 is not in [-31, 30]

// -----

// A window has a height and a width.
"test.op"() {a = #tinyml.window<[3]>} : () -> ()
// CHECK: window kernel [3] is not 2 integers >= 1

// -----

"test.op"() {a = #tinyml.window<[3, 0]>} : () -> ()
// CHECK: window kernel [3, 0] is not 2 integers >= 1

// -----

"test.op"() {a = #tinyml.window<[3, 3], strides = [0, 1]>} : () -> ()
// CHECK: window strides [0, 1] is not 2 integers >= 1

// -----

"test.op"() {a = #tinyml.window<[3, 3], dilations = [1, 1, 1]>} : () -> ()
// CHECK: window dilations [1, 1, 1] is not 2 integers >= 1

// -----

"test.op"() {a = #tinyml.window<[3, 3], pad = [1, 1]>} : () -> ()
// CHECK: window pad [1, 1] is not 4 integers >= 0

// -----

"test.op"() {a = #tinyml.window<[3, 3], pad = [0, 0, -1, 0]>} : () -> ()
// CHECK: window pad [0, 0, -1, 0] is not 4 integers >= 0

// -----

// A window that lies in the padding alone would see nothing.
"test.op"() {a = #tinyml.window<[3, 1], pad = [0, 3, 0, 0]>} : () -> ()
// CHECK: window pad [0, 3] along the height is not smaller than the window's extent 3

// -----

// The extent counts dilation: 2 taps 4 apart span 5.
"test.op"() {a = #tinyml.window<[1, 2], dilations = [1, 4], pad = [0, 0, 5, 0]>} : () -> ()
// CHECK: window pad [5, 0] along the width is not smaller than the window's extent 5

// -----

"test.op"() {a = #tinyml.tensor<"x", 0.0 : 0>} : () -> ()
// CHECK: scale 0.0 is not a positive number

// -----

"test.op"() {a = #tinyml.tensor<"x", -1.0 : 0>} : () -> ()
// CHECK: scale -1.0 is not a positive number
