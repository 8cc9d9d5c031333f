// RUN: tinyml-opt %s --check-each --check-each-steps 300000 -p @default -o /dev/null 2>&1 | filecheck %s --check-prefix=DEFAULT
// RUN: tinyml-opt %s --check-each --check-each-seeds 1 --check-each-steps 20000 -p '@reference' -o /dev/null 2>&1 | filecheck %s --check-prefix=NATIVELY
// RUN: tinyml-opt %s --check-each --check-each-steps 300000 -p 'tinyml-quantized-io,tinyml-read-input,tinyml-stream{layers=2},tinyml-plan-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops,tinyml-prefix-symbols{prefix=net},tinyml-lower-arena' -o /dev/null 2>&1 | filecheck %s --check-prefix=INTERFACE
// RUN: tinyml-opt %s --check-each -p '@reference,convert-scf-to-cf' -o /dev/null 2>&1 | filecheck %s --check-prefix=LOWER
// RUN: echo 'builtin.module {}' | tinyml-opt --check-each -p dce -o /dev/null 2>&1 | filecheck %s --check-prefix=NONE

func.func @main(%x: memref<1x4x4x2xf32> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %q = tinyml.alloc : memref<1x4x4x2xi8>
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %b = tinyml.alloc : memref<1x2x2x2xi8>
  tinyml.quantize ins(%x : memref<1x4x4x2xf32>) outs(%q : memref<1x4x4x2xi8>) scale 2.500000e-01 zero_points [-1] rounding away
  tinyml.max_pool2d ins(%q : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x2x2x2xi8>) window <[2, 2], strides = [2, 2]> clamp [-128, 127]
  tinyml.mean ins(%b : memref<1x2x2x2xi8>) outs(%y : memref<1x2xi8>) axes [1, 2] requant <1073741824, 1> zero_points [0, 0] rounding double
  func.return
}

// What leaves alone how the network runs is not run again.
// DEFAULT-NOT: remark
// DEFAULT: tinyml-opt: --check-each: checked {{[0-9]+}} passes on 5 input sets: {{[0-9]+}} left as they were, 1 by their plan, {{[0-9]+}} interpreted{{$}}

// Kernels that would take too long in the interpreter run as C.
// NATIVELY: tinyml-opt: --check-each: checked {{[0-9]+}} passes on 4 input sets: 1 by their plan, {{[0-9]+}} left as they were, {{[0-9]+}} natively ({{[0-9]+}} kernels in the interpreter too){{$}}

// Where inputs change, the network gets what was made of them.
// INTERFACE: tinyml-opt: --check-each: remark: tinyml-quantized-io: input "x" is 1x4x4x2xint8 now, was 1x4x4x2xfloat32: it gets what the layers before it made
// INTERFACE: tinyml-opt: --check-each: checked 8 passes on 5 input sets: 6 interpreted, 1 by their plan, 1 left as they were

// Nobody says how ops of other dialects run.
// LOWER: tinyml-opt: --check-each: remark: convert-scf-to-cf: not checked: Could not find interpretation function for op cf.br
// LOWER: 1 not run

// NONE: tinyml-opt: --check-each: remark: nothing is checked: the module has 0 functions
