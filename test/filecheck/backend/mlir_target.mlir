// RUN: tinyml-opt %s -t tinyml-mlir | filecheck %s
// RUN: tinyml-opt %s -t 'tinyml-mlir{elide=false}' | tinyml-opt | filecheck %s --check-prefix=WHOLE
// RUN: tinyml-opt %s -t 'tinyml-mlir{debuginfo=true}' | filecheck %s --check-prefix=LOCATION

// For people to read: weights are shortened, a few numbers are not.
"memref.global"() <{sym_name = "w", type = memref<20xi8>, initial_value = dense<[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]> : tensor<20xi8>, sym_visibility = "private", constant}> : () -> ()
// CHECK:      sym_name = "w", type = memref<20xi8>, initial_value = dense<__elided__> : tensor<20xi8>
// WHOLE:      sym_name = "w", type = memref<20xi8>, initial_value = dense<[1, 2, 3,

"memref.global"() <{sym_name = "b", type = memref<2xi32>, initial_value = dense<[1, 2]> : tensor<2xi32>, sym_visibility = "private", constant}> : () -> ()
// CHECK:      initial_value = dense<[1, 2]> : tensor<2xi32>

func.func @network(%x: memref<4xi8>, %y: memref<4xi8>) {
  tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xi8>) loc("flatten")
  // CHECK:      tinyml.reshape ins(%x : memref<4xi8>) outs(%y : memref<4xi8>)
  // CHECK-NOT:  loc
  // LOCATION:   tinyml.reshape {{.*}} loc("flatten")
  func.return
}
