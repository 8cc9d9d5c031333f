// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages' | filecheck %s --check-prefix=LEAST
// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages{max-extra-macs=100}' | filecheck %s --check-prefix=EXTRA
// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages{max-extra-macs=100 ram=700}' | filecheck %s --check-prefix=FITS
// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages{ram=5000}' | filecheck %s --check-prefix=NONE
// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages{objective=cycles}' | filecheck %s --check-prefix=NONE
// RUN: tinyml-opt %s -p 'tinyml-select-kernels,tinyml-overlap,tinyml-plan-stages{block=2}' | filecheck %s --check-prefix=BLOCK
// RUN: not tinyml-opt %s -p 'tinyml-plan-stages{max-extra-macs=-1}' 2>&1 | filecheck %s --check-prefix=NEGATIVE

"memref.global"() <{sym_name = "w1", type = memref<16x3x3x1xi8>, initial_value = dense<1> : tensor<16x3x3x1xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "q1", type = memref<16x2xi32>, initial_value = dense<1> : tensor<16x2xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "w2", type = memref<2x3x3x16xi8>, initial_value = dense<1> : tensor<2x3x3x16xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "q2", type = memref<2x2xi32>, initial_value = dense<1> : tensor<2x2xi32>, sym_visibility = "private", constant}> : () -> ()
func.func @main(%x: memref<1x16x16x1xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x16x16x16xi8>
  tinyml.conv2d ins(%x : memref<1x16x16x1xi8>) outs(%a : memref<1x16x16x16xi8>)
    weights @w1 requant @q1 window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  tinyml.conv2d ins(%a : memref<1x16x16x16xi8>) outs(%y : memref<1x8x8x2xi8>)
    weights @w2 requant @q2 window <[3, 3], strides = [2, 2], pad = [1, 1, 1, 1]>
    zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}

// No work twice: rings of two rows and some pixels of 16 channels instead of all of %a.
// LEAST: attributes {tinyml.stage_plan = "tinyml-stream{first=0 layers=2 columns=1 block=1}"
// LEAST-SAME: tinyml.remarks = {"tinyml-plan-stages" = "with 1 stage {{[0-9]+}} bytes, and 0 multiply-accumulates made again; layer by layer the arena takes {{[0-9]+}} bytes"}
// LEAST: tinyml.stage ins(%x : {{.*}}) outs(%y : {{.*}}) grid [1, 1] halo cache, cache {

// The least bytes take as many strips as there are columns, and wide blocks cost none.
// EXTRA: attributes {tinyml.stage_plan = "tinyml-stream{first=0 layers=2 columns=8 block=4}"
// EXTRA: tinyml.stage {{.*}} grid [1, 8] halo cache, recompute block 4 {

// The least work that fits.
// FITS: attributes {tinyml.stage_plan = "tinyml-stream{first=0 layers=2 columns=3 block=4}"

// Layer by layer fits, or is all that is asked for.
// NONE-NOT: tinyml.stage

// BLOCK: attributes {tinyml.stage_plan = "tinyml-stream{first=0 layers=2 columns=1 block=2}"

// NEGATIVE: ram, max-extra-macs and block are not negative
