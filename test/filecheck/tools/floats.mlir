// RUN: tinyml-opt %s | filecheck %s
// RUN: tinyml-opt %s | tinyml-opt | filecheck %s
// RUN: tinyml-opt %s -t 'tinyml-mlir{elide=false}' | tinyml-opt | filecheck %s

// Floats are read back as they were, large ones too.
// CHECK: dense<[-4.27338496e+08, 1.000000e+00, 0.000000e+00, 3.53937197, 1.000000e+10, 4.13349960e+07]>
"memref.global"() <{sym_name = "c", type = memref<6xf32>, initial_value = dense<[-4.27338496e+08, 1.0, 0.0, 3.53937197, 1.0e+10, 41334996.0]> : tensor<6xf32>, sym_visibility = "private", constant}> : () -> ()
