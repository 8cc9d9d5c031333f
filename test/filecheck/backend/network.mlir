// RUN: tinyml-opt %S/../../../examples/digits/digits_int8.onnx -p @default -t 'tinyml-c{part=code}' | filecheck %s
// RUN: tinyml-opt %S/../../../examples/digits/digits_int8.onnx -p @default -t tinyml-c > %t.c
// RUN: %check_c < %t.c
// RUN: %check_cxx < %t.c

// A whole network: kernels named after layers, then the network in terms of its arena.
// CHECK:      extern const int8_t
// CHECK:      #define layer_end(layer) ((void)(layer))
// CHECK:      static void layer_{{[0-9]+}}_conv2d(
// CHECK-NEXT:     const int8_t *input,
// CHECK-NEXT:     const int32_t *packed_weights,
// CHECK-NEXT:     const int32_t *factors,
// CHECK-NEXT:     const int16_t *places,
// CHECK-NEXT:     int8_t *scratch,
// CHECK-NEXT:     int8_t *output) {
// CHECK:      static void layer_{{[0-9]+}}_depthwise_conv2d(
// CHECK:      void network(int8_t *arena) {
// CHECK:        float *input = (float *)(void *)
// CHECK:        layer_{{[0-9]+}}_conv2d(
// CHECK-NEXT:   layer_end({{[0-9]+}});
