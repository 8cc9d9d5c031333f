// RUN: not tinyml-opt %s -p 'tinyml-patch{layers=2 rows=2 columns=2}' 2>&1 | filecheck %s

// The sum after the stage needs what the first layer inside makes.
func.func @main(%x: memref<1x4x4x2xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x4x4x2xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<1x4x4x2xi8>
  %b = tinyml.alloc : memref<1x4x4x2xi8>
  tinyml.max_pool2d ins(%x : memref<1x4x4x2xi8>) outs(%a : memref<1x4x4x2xi8>) window <[1, 1]> clamp [0, 127]
  tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[3, 3], pad = [1, 1, 1, 1]> clamp [-128, 127]
  tinyml.maximum ins(%a, %b : memref<1x4x4x2xi8>, memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>)
  func.return
}

// CHECK: the output of tinyml.max_pool2d is needed outside of the stage
