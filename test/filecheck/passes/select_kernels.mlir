// RUN: tinyml-opt %s -p tinyml-select-kernels | filecheck %s

func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x6xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  %a = tinyml.alloc : memref<4xi8>
  %b = tinyml.alloc : memref<1x4xi8>
  // A copy may start at either end.
  tinyml.reshape ins(%x : memref<1x4xi8>) outs(%a : memref<4xi8>)
  // CHECK: tinyml.reshape {{.*}} {tinyml.kernel = #tinyml.kernel<either>}
  // What is chosen stays.
  tinyml.reshape ins(%a : memref<4xi8>) outs(%b : memref<1x4xi8>) {tinyml.kernel = #tinyml.kernel<backward>}
  // CHECK: tinyml.reshape {{.*}} {tinyml.kernel = #tinyml.kernel<backward>}
  // A pad fills its output first and runs forwards.
  tinyml.pad ins(%b : memref<1x4xi8>) outs(%y : memref<1x6xi8>) low [0, 1] high [0, 1] value 0
  // CHECK: tinyml.pad {{.*}} {tinyml.kernel = #tinyml.kernel<forward>}
  func.return
}
