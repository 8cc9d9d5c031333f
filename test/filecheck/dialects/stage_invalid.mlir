// RUN: tinyml-opt %s --verify-diagnostics --split-input-file | filecheck %s

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [5, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>, %b: memref<1x4x4x2xi8>):
    tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: 5 tiles of 4 rows

// -----

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>, %b: memref<1x4x4x2xi8>):
    tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: grid [1, 1, 1] is not [rows, columns]

// -----

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>):
    %b = tinyml.alloc : memref<1x4x4x2xi8>
    tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: the region's arguments are not the buffers of ins and outs

// -----

// A transposition has no rows of its own.
func.func @main(%x: memref<1x4x4x4xi8>, %y: memref<1x4x4x4xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x4xi8>) outs(%y : memref<1x4x4x4xi8>) grid [1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x4xi8>, %b: memref<1x4x4x4xi8>):
    tinyml.transpose ins(%a : memref<1x4x4x4xi8>) outs(%b : memref<1x4x4x4xi8>) permutation [0, 2, 1, 3]
  }
  func.return
}
// CHECK: the rows of tinyml.transpose are not made of its input's rows

// -----

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>, %b: memref<1x4x4x2xi8>):
    %t = tinyml.alloc : memref<1x4x4x2xi8>
    tinyml.max_pool2d ins(%t : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: tinyml.max_pool2d reads what is not written yet

// -----

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>, %b: memref<1x4x4x2xi8>):
    %t = tinyml.alloc : memref<1x4x4x2xi8>
    tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%t : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: no layer of the stage writes its output

// -----

func.func @main(%x: memref<1x4x4x2xi8>, %y: memref<1x4x4x2xi8>) {
  tinyml.stage ins(%x : memref<1x4x4x2xi8>) outs(%y : memref<1x4x4x2xi8>) grid [1, 1] halo recompute, recompute {
  ^bb0(%a: memref<1x4x4x2xi8>, %b: memref<1x4x4x2xi8>):
    %c = arith.constant 0 : index
    tinyml.max_pool2d ins(%a : memref<1x4x4x2xi8>) outs(%b : memref<1x4x4x2xi8>) window <[1, 1]> clamp [-128, 127]
  }
  func.return
}
// CHECK: arith.constant cannot stand in a stage
