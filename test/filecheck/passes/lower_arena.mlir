// RUN: tinyml-opt %s -p tinyml-lower-arena | filecheck %s

// The network takes its arena. Each buffer is a view of it; what users need to know of
// inputs and outputs, the types of the model among it, moves to the function.
func.func private @kernel(memref<1x4xi8>, memref<4xi8>)

func.func @main(
  %x: memref<1x4xi8> {tinyml.input = #tinyml.tensor<"image", 5.000000e-01 : -1>, tinyml.at = 0 : i64, tinyml.type = memref<1x4xui8>},
  %y: memref<4xi8> {tinyml.output = #tinyml.tensor<"logits">, tinyml.at = 4 : i64}
) attributes {tinyml.arena_bytes = 12 : i64} {
  %a = tinyml.alloc at 8 {tinyml.live = array<i64: 0, 1>} : memref<4xi8>
  func.call @kernel(%x, %a) {tinyml.op = "tinyml.reshape"} : (memref<1x4xi8>, memref<4xi8>) -> ()
  func.call @kernel(%x, %y) : (memref<1x4xi8>, memref<4xi8>) -> ()
  func.return
}
// CHECK:      func.func @main(%arena: memref<12xi8>) attributes
// CHECK-SAME:   tinyml.inputs = [{tensor = #tinyml.tensor<"image", 5.000000e-01 : -1>, type = memref<1x4xui8>, at = 0 : i64}]
// CHECK-SAME:   tinyml.outputs = [{tensor = #tinyml.tensor<"logits">, type = memref<4xi8>, at = 4 : i64}]
// CHECK-NEXT: %c0 = arith.constant 0 : index
// CHECK-NEXT: %x = memref.view %arena[%c0][] : memref<12xi8> to memref<1x4xi8>
// CHECK-NEXT: %c4 = arith.constant 4 : index
// CHECK-NEXT: %y = memref.view %arena[%c4][] : memref<12xi8> to memref<4xi8>
// CHECK-NEXT: %c8 = arith.constant 8 : index
// CHECK-NEXT: %a = memref.view %arena[%c8][] : memref<12xi8> to memref<4xi8>
// CHECK-NEXT: func.call @kernel(%x, %a) {tinyml.op = "tinyml.reshape"}
// CHECK-NEXT: func.call @kernel(%x, %y)
// CHECK-NEXT: func.return
