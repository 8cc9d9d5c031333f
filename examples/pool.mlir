// A network of two layers, as a frontend would import it.
// tinyml-opt examples/pool.mlir -p 'tinyml-plan-memory,tinyml-convert-layers-to-loops'

func.func @network(%image: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"image", 5.000000e-01 : 0>},
                   %out: memref<1x8xi8> {tinyml.output = #tinyml.tensor<"out", 5.000000e-01 : 0>}) {
  %pooled = tinyml.alloc : memref<1x2x2x2xi8>
  tinyml.max_pool2d ins(%image : memref<1x4x4x2xi8>) outs(%pooled : memref<1x2x2x2xi8>)
    window <[2, 2], strides = [2, 2]> clamp [0, 127]
  tinyml.reshape ins(%pooled : memref<1x2x2x2xi8>) outs(%out : memref<1x8xi8>)
  func.return
}
