/* The contract between the harness and a generated network.
 *
 * The network's glue defines the tables and the functions marked "glue"; the harness
 * reads inputs.bin, runs one inference for each full set of inputs in it, and appends
 * every output to outputs.bin. The arena belongs into section ".noinit", which is
 * neither loaded nor cleared. */
#ifndef TINYML_HARNESS_H
#define TINYML_HARNESS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct harness_tensor {
  void *data;
  uint32_t bytes;
};

/* An input that the network asks for: where it begins in a set of inputs, and what it
 * looks like; `once` if each row may be asked for only once, in order. */
struct harness_image {
  uint32_t input, at;
  int32_t rows, columns;
  uint32_t pixel_bytes;
  int32_t once;
  /* Kept by the harness. */
  uint32_t set;
  int32_t next_row;
};

/* Glue. Give `bytes` statically: the simulator reads it from the program to learn how
 * long a set of inputs is. `data` may be filled in by harness_setup; an input without
 * is not read before an inference, but when harness_read_image asks for it. */
extern const uint32_t harness_input_count, harness_output_count;
extern struct harness_tensor harness_inputs[], harness_outputs[];

/* Glue: called once before the first inference; fills in the data pointers. */
void harness_setup(void);

/* Glue: one inference. 0 is success; anything else ends the program with that exit
 * status (use 1..99, the harness has 100 and up). */
int harness_run(void);

/* Harness: called by hooks after a layer; appends `index`, `bytes` (32 bits each, little
 * endian) and the data to layers.bin. */
void harness_layer(uint32_t index, const void *data, uint32_t bytes);

/* Harness: reads some pixels of an input of this set. */
void harness_read_image(struct harness_image *image, int32_t row, int32_t column,
                        int32_t columns, void *pixels);

/* Harness: where this set of inputs begins in inputs.bin. */
extern uint32_t harness_set;

#ifdef __cplusplus
}
#endif

#endif
