// RUN: tinyml-opt %s -p tinyml-read-input,tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena | filecheck %s
// RUN: tinyml-opt %s -p tinyml-read-input,tinyml-plan-memory,tinyml-convert-layers-to-loops,tinyml-lower-arena -t tinyml-c | filecheck %s --check-prefix=C
// RUN: tinyml-opt %s -p 'tinyml-read-input{mode=stream},tinyml-stream{layers=3 block=2},tinyml-plan-memory,tinyml-lower-stages,tinyml-convert-layers-to-loops,tinyml-lower-arena' | filecheck %s --check-prefix=STAGE
// RUN: tinyml-opt %s -p 'tinyml-read-input{mode=stream},tinyml-stream{layers=3 columns=2},tinyml-lower-stages' --verify-diagnostics | filecheck %s --check-prefix=STRIPS
// RUN: tinyml-opt %s -p 'tinyml-read-input{mode=stream},tinyml-patch{layers=3 rows=2 columns=1},tinyml-lower-stages' --verify-diagnostics | filecheck %s --check-prefix=STRIPS

func.func @main(%x: memref<1x6x4x3xui8> {tinyml.input = #tinyml.tensor<"x", 5.000000e-01 : 1>}, %y: memref<1x6x4x3xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %q = tinyml.alloc : memref<1x6x4x3xi8>
  tinyml.requantize ins(%x : memref<1x6x4x3xui8>) outs(%q : memref<1x6x4x3xi8>) requant <1073741824, 1> zero_points [127, -1] rounding double
  tinyml.max_pool2d ins(%q : memref<1x6x4x3xi8>) outs(%y : memref<1x6x4x3xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  func.return
}
// A row after the other, into the whole buffer.
// CHECK:      func.func private @read_rows_0(i32, i32, i32, memref<12xi8>) -> () attributes {tinyml.reads_input = 0 : i64}
// CHECK:      func.func private @layer_00_read_rows(%output: memref<1x6x4x3xi8>)
// CHECK:        scf.for %oy = %c0 to %c6 step %c1 {
// CHECK:          %pixels = memref.view %{{.*}}[%{{.*}}][] : memref<72xi8> to memref<12xi8>
// CHECK-NEXT:     [[ROW:%.*]] = arith.index_cast %oy : index to i32
// CHECK-NEXT:     func.call @read_rows_0([[ROW]], %c0_i32, %c4_i32, %pixels)
// The input has no place, but the type that the model gives it.
// CHECK:      tinyml.inputs = [{input = 0 : i64, tensor = #tinyml.tensor<"x", 5.000000e-01 : 1>, type = memref<1x6x4x3xui8>, mode = "callback", held = 72 : i64}]

// C: void read_rows_0(int32_t row, int32_t column, int32_t columns, void *pixels);
// C: read_rows_0((int32_t)oy, 0, 4, pixels);

// In a stage by pixels the kernel makes a row at a time all the same.
// STAGE:      func.func private @stage_00_0_read_rows(%y: index, %x: index, %output: memref<12xi8>)
// STAGE:        func.call @read_rows_0(%{{.*}}, %{{.*}}, %c4_i32, %pixels)
// STAGE:      mode = "stream", held = 12 : i64

// Neither strips nor patches get each row once.
// STRIPS:     x comes as a stream, so the stage has to read each of its rows once, whole and in order: in one strip, recomputing none
