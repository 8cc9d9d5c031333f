// RUN: tinyml-opt %s -p 'tinyml-annotate-cycles{core=cortex-m4}' | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-annotate-cycles{core=cortex-m7}' | filecheck %s
// RUN: tinyml-opt %s -p 'tinyml-patch{layers=2 rows=2 columns=2},tinyml-annotate-cycles{core=cortex-m4}' | filecheck %s --check-prefix=STAGE
// RUN: tinyml-opt %s -p 'tinyml-patch{layers=2 rows=2 columns=2},tinyml-annotate-cycles{core=cortex-m4},tinyml-plan-memory,tinyml-lower-stages' | filecheck %s --check-prefix=CALL
// RUN: not tinyml-opt %s -p tinyml-annotate-cycles 2>&1 | filecheck %s --check-prefix=NO-CORE

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x2xf32> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x2xi8>
  %b = tinyml.alloc : memref<1x8x8x2xi8>
  // CHECK:      tinyml.max_pool2d {{.*}} {tinyml.cycles = [[CYCLES:[0-9]+]] : i64}
  // CHECK-NEXT: tinyml.max_pool2d {{.*}} {tinyml.cycles = {{[0-9]+}} : i64}
  // Four tiles make 5 x 5 pixels of %a each: more than 8 x 8, as often as they are computed.
  // STAGE:      tinyml.stage
  // STAGE:        tinyml.max_pool2d {{.*}} {tinyml.cycles = [[FIRST:[0-9]+]] : i64}
  // STAGE:        tinyml.max_pool2d {{.*}} {tinyml.cycles = [[SECOND:[0-9]+]] : i64}
  // STAGE:      } {tinyml.cycles = {{[0-9]+}} : i64}
  tinyml.max_pool2d ins(%x : memref<1x8x8x2xi8>) outs(%a : memref<1x8x8x2xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%b : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  // What such a kernel takes is not known, and what was noted before is no longer.
  // CHECK-NEXT: tinyml.dequantize {{.*}} zero_points [0]{{$}}
  tinyml.dequantize ins(%b : memref<1x8x8x2xi8>) outs(%y : memref<1x8x8x2xf32>) scale 0.5 zero_points [0] {tinyml.cycles = 1 : i64}
  func.return
}

// A lowered stage says it of each of its layers.
// CALL: func.call @stage_00({{.*}}tinyml.cycles = {{[0-9]+}} : i64{{.*}}cycles = array<i64: {{[0-9]+}}, {{[0-9]+}}>

// NO-CORE: tinyml-annotate-cycles
