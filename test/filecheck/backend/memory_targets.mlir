// RUN: tinyml-opt %s -p 'tinyml-overlap,tinyml-plan-memory' -t tinyml-memory | filecheck %s --strict-whitespace --match-full-lines
// RUN: tinyml-opt %s -p 'tinyml-overlap,tinyml-plan-memory' -t tinyml-memory-json | filecheck %s --check-prefix=JSON
// RUN: tinyml-opt %s -p 'tinyml-overlap,tinyml-plan-memory' -t tinyml-memory-svg | filecheck %s --check-prefix=SVG
// RUN: tinyml-opt %s -p 'tinyml-overlap,tinyml-plan-memory' -t 'tinyml-memory-svg{title="a picture"}' | filecheck %s --check-prefix=TITLE
// RUN: tinyml-opt %s -p 'tinyml-overlap,tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena' -t tinyml-memory | filecheck %s --strict-whitespace --match-full-lines

// A depthwise convolution in place, with scratch memory; a sum of its output and of what
// a view of it reads; a name that XML has to escape.
"memref.global"() <{sym_name = "dw_weights", type = memref<3x3x2xi8>, initial_value = dense<1> : tensor<3x3x2xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "dw_requant", type = memref<2x2xi32>, initial_value = dense<5> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"a<b&\"c\"">}, %y: memref<32xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %v = memref.reinterpret_cast %a to offset: [0], sizes: [32], strides: [1] : memref<1x4x4x2xi8> to memref<32xi8>
  %b = tinyml.alloc : memref<32xi8>
  tinyml.depthwise_conv2d ins(%x : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) weights @dw_weights requant @dw_requant
    window <[3, 3], pad = [1, 1, 1, 1]> zero_points [0, 0] clamp [-128, 127] rounding double
    {tinyml.kernel = #tinyml.kernel<channels, 1>} loc("dw")
  tinyml.reshape ins(%v : memref<32xi8>) outs(%b : memref<32xi8>) loc("copy")
  tinyml.maximum ins(%b, %v : memref<32xi8>, memref<32xi8>) outs(%y : memref<32xi8>) loc("most")
  func.return
}

//      CHECK:main: i input  o output  * both  s scratch  = held for later  . free
//CHECK-EMPTY:
// CHECK-NEXT:   #  layer  op                alive  arena                                     in at  out at  constants
// CHECK-NEXT:   0  dw     depthwise_conv2d     40  ********************sssss...............  0           0         34
// CHECK-NEXT:>  1  copy   reshape              64  iiiiiiiiiiiiiiiiiiiioooooooooooooooooooo  0          32          0
// CHECK-NEXT:   2  most   maximum              64  ********************iiiiiiiiiiiiiiiiiiii  32, 0       0          0
//CHECK-EMPTY:
// CHECK-NEXT:RAM    arena 64 bytes, lower bound 64
// CHECK-NEXT:       peak 64 at layer 1, reshape 'copy'
// CHECK-NEXT:       input 'a<b&"c"' 32 at 0
// CHECK-NEXT:       output 'y' 32 at 0
// CHECK-NEXT:       scratch 8, the largest of 1
// CHECK-NEXT:       holes 0, bytes that no buffer ever holds
// CHECK-NEXT:flash  constants 34 bytes: weights 18, tables 16

// The same for programs. Buffers are named by their position.
// JSON:       "arena": 64,
// JSON-NEXT:  "lower_bound": 64,
// JSON-NEXT:  "peak": {
// JSON-NEXT:    "layer": 1,
// JSON-NEXT:    "name": "copy",
// JSON-NEXT:    "bytes": 64
// JSON:       "name": "a<b&\"c\"",
// JSON-NEXT:  "kind": "input",
// JSON:       "name": "dw",
// JSON-NEXT:  "kind": "activation",
// JSON:         "at": 0,
// JSON-NEXT:    "bytes": 32,
// JSON-NEXT:    "first": 0,
// JSON-NEXT:    "last": 2
// JSON:       "live_bytes": 40,
// JSON:       "scratch": 1,
// JSON-NEXT:  "constants": {
// JSON-NEXT:    "dw_weights": 18,
// JSON-NEXT:    "dw_requant": 16

// One rectangle for each buffer over the layers of its life; what two share is hatched.
// SVG:        <svg xmlns="http://www.w3.org/2000/svg"
// SVG-NEXT:   <title>Memory of main</title>
// SVG:        peak: 64 B alive at layer 1, reshape · copy</text>
// SVG-NEXT:   <rect class="input"
// SVG-NEXT:   <title>a&lt;b&amp;"c": input 1x4x4x2, 32 bytes at 0, layers 0 to 0</title>
// SVG:        <rect class="activation"
// SVG-NEXT:   <title>dw: activation 1x4x4x2, 32 bytes at 0, layers 0 to 2</title>
// SVG:        <rect class="output"
// SVG:        <rect class="scratch"
// SVG:        <rect class="shared"
// SVG:        <rect class="weights"
// SVG:        </svg>

// TITLE:      <title>Memory of a picture</title>
