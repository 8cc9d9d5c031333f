// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all winograd=100000}' | filecheck %s --check-prefix=ALL
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all winograd=3000}' | filecheck %s --check-prefix=SOME
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all}' | filecheck %s --check-prefix=NONE
// RUN: tinyml-opt %s -p 'tinyml-select-kernels{words=all winograd=100000},tinyml-overlap,tinyml-plan-memory,tinyml-convert-layers-to-loops' | filecheck %s --check-prefix=LOOPS

"memref.global"() <{sym_name = "w", type = memref<4x3x3x4xi8>, initial_value = dense<1> : tensor<4x3x3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "b", type = memref<4xi32>, initial_value = dense<7> : tensor<4xi32>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<4x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3], [1073741824, -3], [1073741824, -3]]> : tensor<4x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x8x8x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x3x4x4xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x8x8x4xi8>
  tinyml.conv2d ins(%x : memref<1x8x8x4xi8>) outs(%a : memref<1x8x8x4xi8>)
    weights @w bias @b requant @rq window <[3, 3], pad = [1, 1, 1, 1]>
    zero_points [3, 0] clamp [-128, 127] rounding double
  // A stride leaves no tiles.
  %c = tinyml.alloc : memref<1x3x3x4xi8>
  tinyml.conv2d ins(%a : memref<1x8x8x4xi8>) outs(%c : memref<1x3x3x4xi8>)
    weights @w bias @b requant @rq window <[3, 3], strides = [2, 2]>
    zero_points [3, 0] clamp [-128, 127] rounding double
  // This one saves less.
  tinyml.conv2d ins(%c : memref<1x3x3x4xi8>) outs(%y : memref<1x3x4x4xi8>)
    weights @w bias @b requant @rq window <[3, 3], pad = [1, 1, 1, 2]>
    zero_points [3, 0] clamp [-128, 127] rounding double
  func.return
}

// ALL: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, winograd>
// ALL: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>
// ALL: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, winograd>

// SOME: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, winograd>
// SOME: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>
// SOME: tinyml.conv2d {{.*}}tinyml.kernel = #tinyml.kernel<either, dot>

// NONE-NOT: kernel<either, winograd>

// Filters of ones: rows of a column make 1, 3, 2 and 2, columns the same; those of the
// first column are taken from the third row up, then the last one, negated: 2, 6, 4, -4.
// LOOPS: sym_name = "layer_00_conv2d_packed_weights", type = memref<1x140xi32>, initial_value = dense<"0x02000200{{([0-9A-F]{56})}}06000600{{([0-9A-F]{56})}}04000400{{([0-9A-F]{56})}}FCFFFCFF
// LOOPS: func.func private @layer_00_conv2d(%input: memref<1x8x8x4xi8>, %packed_weights: memref<1x140xi32>, %scratch: memref<576xi8>, %output: memref<1x8x8x4xi8>)
// The two parts behind transformed tiles take turns.
// LOOPS:   %patch = memref.view %scratch[%c256]
// LOOPS:   %sums = memref.view %scratch[%c256]
// Blocks of two rows and four columns; what the first one of a row sees differs.
// LOOPS:   scf.for %i = %c0 to %c4 step %c1 {
// LOOPS:     scf.for %j = %c0 to %c2 step %c1 {
// LOOPS:       scf.if
// LOOPS:         acle.store_word %c50529027_i32, %patch
// LOOPS:       scf.for %turn = %c0
// LOOPS:         acle.load_word %patch
// LOOPS:         acle.sxtb16
// LOOPS:         acle.ssub16
// LOOPS:         acle.sadd16
// LOOPS:         acle.store_word {{.*}}, %scratch
// LOOPS:       scf.for %g = %c0
// LOOPS:         scf.for %column = %c0 to %c4 step %c1 {
// LOOPS:           acle.smuad
// LOOPS:           acle.smlad
// LOOPS:           acle.store_word {{.*}}, %sums
// LOOPS:         acle.load_word %sums
// LOOPS:         acle.smmlar
// LOOPS:         memref.store {{.*}}, %output
