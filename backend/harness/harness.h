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

/* Glue. Give `bytes` statically: the simulator reads it from the program to learn how
 * long a set of inputs is. `data` may be filled in by harness_setup. */
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

#ifdef __cplusplus
}
#endif

#endif
