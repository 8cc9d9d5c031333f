// RUN: tinyml-opt %s -p 'tinyml-stream{layers=2 block=1},tinyml-plan-memory,tinyml-lower-stages' | filecheck %s --check-prefixes=CHECK,PIXELS
// RUN: tinyml-opt %s -p 'tinyml-stream{layers=2},tinyml-plan-memory,tinyml-lower-stages' | filecheck %s --check-prefix=ROWS
// RUN: tinyml-opt %s -p 'tinyml-patch{layers=2 rows=2 columns=2},tinyml-plan-memory,tinyml-lower-stages' | filecheck %s --check-prefix=TILES

func.func @main(%x: memref<1x8x8x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x8x8x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x8x8x2xi8>) outs(%a : memref<1x8x8x2xi8>) window <[1, 1]> clamp [-128, 127]
  tinyml.max_pool2d ins(%a : memref<1x8x8x2xi8>) outs(%y : memref<1x8x8x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127] loc("last")
  func.return
}

// A kernel makes a block of pixels of one row, wherever the pixels lie: here in a ring
// of two rows and three pixels, of which the first two stand behind the last once more.
// CHECK:      func.func private @stage_00_0_max_pool2d(%y: index, %x: index, %input: memref<128xi8>, %output: memref<42xi8>) attributes {no_inline, tinyml.kind = "max_pool2d"} {
// CHECK:        %slot = arith.remsi %{{.*}}, %c19 : index
// CHECK:        [[PLACE:%[0-9]+]] = arith.muli %slot, %c2 : index
// CHECK:        arith.addi [[PLACE]], %c : index
// CHECK:        memref.store %{{.*}}, %{{.*}} : memref<42xi8>
// CHECK:        [[EARLY:%[0-9]+]] = arith.cmpi slt, %slot_1, %c2 : index
// CHECK-NEXT:   scf.if [[EARLY]] {
// CHECK:          arith.addi %{{.*}}, %c19 : index

// The next row lies a row of pixels on, or around the ring's end.
// CHECK:      func.func private @stage_00_1_max_pool2d(%y: index, %x: index, %input: memref<42xi8>, %output: memref<128xi8>)
// CHECK:        [[BELOW:%[0-9]+]] = arith.addi %row{{.*}}, %c8 : index
// CHECK-NEXT:   [[AROUND:%[0-9]+]] = arith.subi [[BELOW]], %c19 : index
// CHECK-NEXT:   [[INSIDE:%[0-9]+]] = arith.cmpi slt, [[BELOW]], %c19 : index
// CHECK-NEXT:   arith.select [[INSIDE]], [[BELOW]], [[AROUND]] : index

// One loop over the times of rows, one over those of columns: the second layer is a row
// and a pixel late.
// CHECK:      func.func private @stage_00(%x: memref<128xi8>, %rings: memref<42xi8>, %y: memref<128xi8>) attributes {no_inline} {
// PIXELS:       scf.for %t = %c0 to %c9 step %c1 {
// PIXELS:         scf.for %u = %c0 to %c9 step %c1 {
// PIXELS:           func.call @stage_00_0_max_pool2d(%t, %u, %x, %a)
// PIXELS:           arith.subi %u, %c1 : index
// PIXELS:           func.call @stage_00_1_max_pool2d({{.*}}, %a, %y)

// What is known of the stage goes to its call.
// CHECK:      func.func @main
// CHECK:        %rings = tinyml.alloc at {{[0-9]+}} : memref<42xi8>
// CHECK:        func.call @stage_00(%x_1, %rings, %y_1) {{.*}}tinyml.op = "tinyml.stage", tinyml.macs = 0 : i64, tinyml.elements = 128 : i64, tinyml.stage = {ops = ["tinyml.max_pool2d", "last"], kinds = ["max_pool2d", "max_pool2d"], macs = array<i64: 0, 0>, elements = array<i64: 128, 128>, grid = array<i64: 1, 1>, halo = ["cache", "cache"], bytes = 42 : i64, extra_macs = 0 : i64}

// Whole rows: three of them, and no loop over columns but the kernel's own.
// ROWS:      func.func private @stage_00(%x: memref<128xi8>, %rings: memref<48xi8>, %y: memref<128xi8>)
// ROWS:        scf.for %t = %c0 to %c9 step %c1 {
// ROWS-NOT:      scf.for
// ROWS:          func.call @stage_00_0_max_pool2d(%t, %c0, %x, %a)
// ROWS:          func.call @stage_00_1_max_pool2d({{.*}}, %c0, %a, %y)
// ROWS:        func.return

// Tiles: what differs between them stands in tables, and their layers run one after the
// other.
// TILES:      "memref.global"() <{sym_name = "stage_00_columns", type = memref<2x8xi32>, initial_value = dense<[[0, 5, 0, 4, 0, 1, 0, 1], [3, 8, 4, 8, 3, 4, 4, 5]]>
// TILES:      func.func private @stage_00(%x: memref<128xi8>, %rings: memref<50xi8>, %y: memref<128xi8>)
// TILES:        scf.for %tile = %c0 to %c2 step %c1 {
// TILES:          scf.for %tile_1 = %c0 to %c2 step %c1 {
// TILES:            scf.for %t =
// TILES:              func.call @stage_00_0_max_pool2d
// TILES:            scf.for %t_1 =
// TILES:              func.call @stage_00_1_max_pool2d
