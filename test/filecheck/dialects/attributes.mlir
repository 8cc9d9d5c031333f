// RUN: TINYML_ROUNDTRIP

// The ends of both ranges.
"test.op"() {low = #tinyml.requant<-2147483647, -31>, high = #tinyml.requant<2147483647, 30>} : () -> ()
// CHECK: "test.op"() {low = #tinyml.requant<-2147483647, -31>, high = #tinyml.requant<2147483647, 30>} : () -> ()

// Every rounding contract.
"test.op"() {a = #tinyml<rounding double>, b = #tinyml<rounding single>, c = #tinyml<rounding even>, d = #tinyml<rounding away>} : () -> ()
// CHECK: "test.op"() {a = #tinyml<rounding double>, b = #tinyml<rounding single>, c = #tinyml<rounding even>, d = #tinyml<rounding away>} : () -> ()

// A window's kernel stands alone if all else is default.
"test.op"() {w = #tinyml.window<[3, 5]>} : () -> ()
// CHECK: "test.op"() {w = #tinyml.window<[3, 5]>} : () -> ()

"test.op"() {w = #tinyml.window<[3, 3], strides = [2, 1], dilations = [1, 2], pad = [0, 1, 2, 3]>} : () -> ()
// CHECK: "test.op"() {w = #tinyml.window<[3, 3], strides = [2, 1], dilations = [1, 2], pad = [0, 1, 2, 3]>} : () -> ()

// Parts come in any order and are printed in one; defaults are not printed.
"test.op"() {w = #tinyml.window<[3, 3], pad = [1, 1, 1, 1], strides = [2, 2], dilations = [1, 1]>} : () -> ()
// CHECK: "test.op"() {w = #tinyml.window<[3, 3], strides = [2, 2], pad = [1, 1, 1, 1]>} : () -> ()

// A tensor with and without quantization. A scale is single precision, and kept exactly.
"test.op"() {t = #tinyml.tensor<"image", 3.921570e-03 : -128>} : () -> ()
// CHECK: "test.op"() {t = #tinyml.tensor<"image", 3.921570e-03 : -128>} : () -> ()

"test.op"() {t = #tinyml.tensor<"tenth", 0.1 : 0>, whole = #tinyml.tensor<"whole", 1 : 255>} : () -> ()
// CHECK: "test.op"() {t = #tinyml.tensor<"tenth", 1.000000e-01 : 0>, whole = #tinyml.tensor<"whole", 1.000000e+00 : 255>} : () -> ()

"test.op"() {t = #tinyml.tensor<"a \"quoted\" name">} : () -> ()
// CHECK: "test.op"() {t = #tinyml.tensor<"a \22quoted\22 name">} : () -> ()
