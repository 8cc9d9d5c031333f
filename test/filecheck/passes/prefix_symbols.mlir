// RUN: tinyml-opt %s -p 'tinyml-prefix-symbols{prefix=kws}' | filecheck %s
// RUN: not tinyml-opt %s -p tinyml-prefix-symbols 2>&1 | filecheck %s --check-prefix=REQUIRED

// REQUIRED: tinyml-opt: tinyml-prefix-symbols requires argument "prefix"

// Constants, functions, declarations, and whoever names them.
// CHECK:      "memref.global"() <{sym_name = "kws_w",
"memref.global"() <{sym_name = "w", type = memref<1xi8>, initial_value = dense<1> : tensor<1xi8>, sym_visibility = "private", constant}> : () -> ()

// CHECK:      func.func private @kws_layer_end(i32)
func.func private @layer_end(i32) -> () attributes {tinyml.hook}

// CHECK:      func.func @kws_main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"w">})
func.func @main(%x: memref<4xi8> {tinyml.input = #tinyml.tensor<"w">}) {
  %0 = memref.get_global @w : memref<1xi8>
  // CHECK-NEXT: memref.get_global @kws_w
  %c0 = arith.constant 0 : i32
  func.call @layer_end(%c0) {tinyml.op = "w"} : (i32) -> ()
  // CHECK:      func.call @kws_layer_end(%c0) {tinyml.op = "w"}
  func.return
}

// Instructions, and the function that they are for.
// CHECK:      func.func private @kws_hot() attributes {tinyml.thumb = @kws_hot_thumb}
func.func private @hot() attributes {tinyml.thumb = @hot_thumb} {
  func.return
}

// CHECK:      thumb.func @kws_hot_thumb() {
thumb.func @hot_thumb() {
  thumb.ret
}
