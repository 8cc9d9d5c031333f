// RUN: tinyml-opt %s -p tinyml-count-macs,tinyml-convert-layers-to-loops | filecheck %s

"memref.global"() <{sym_name = "w", type = memref<3x4xi8>, initial_value = dense<1> : tensor<3x4xi8>, sym_visibility = "private", constant}> : () -> ()
"memref.global"() <{sym_name = "rq", type = memref<3x2xi32>, initial_value = dense<[[1073741824, -3], [1073741824, -3], [1073741824, -3]]> : tensor<3x2xi32>, sym_visibility = "private", constant}> : () -> ()

func.func @main(%x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"x">}, %y: memref<1x3xi8> {tinyml.output = #tinyml.tensor<"y">}) {
  tinyml.fully_connected ins(%x : memref<1x4xi8>) outs(%y : memref<1x3xi8>) weights @w requant @rq zero_points [0, 0] clamp [-128, 127] rounding double
  func.return
}

// CHECK:      func.func private @count_macs(i32) -> () attributes {tinyml.hook}
// CHECK:      func.func private @layer_00_fully_connected
// CHECK:        scf.for %oc = %c0 to %c3 step %c1 {
// CHECK-NEXT:     %acc = scf.for %ic = %c0 to %c4 step %c1
// CHECK:          func.call @count_macs(%c4_i32) : (i32) -> ()
// CHECK:      func.func @main
