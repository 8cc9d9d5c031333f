/* Runs the network once for each set of inputs in inputs.bin; the same on every target. */
#include "harness.h"
#include "harness_io.h"

/* Marks the end of an inference: the simulator stops here to look at the stack. */
void harness_run_end(void);
__attribute__((noinline)) void harness_run_end(void) { __asm__ volatile(""); }

uint32_t harness_set;

/* Reads one set. 1 if there is one, 0 at the end of the file, -1 if it is cut off. */
static int harness_read_inputs(void) {
  static uint32_t next;
  const uint32_t left = harness_length(HARNESS_INPUTS) - next;
  uint32_t total = 0;
  for (uint32_t i = 0; i < harness_input_count; ++i)
    total += harness_inputs[i].bytes;
  if (total == 0 || left == 0)
    return 0;
  if (left < total)
    return -1;
  harness_set = next;
  for (uint32_t i = 0; i < harness_input_count; ++i) {
    const struct harness_tensor *tensor = &harness_inputs[i];
    if (tensor->data != 0 &&
        (harness_seek(HARNESS_INPUTS, next) != 0 ||
         harness_read(HARNESS_INPUTS, tensor->data, tensor->bytes) != tensor->bytes))
      return -1;
    next += tensor->bytes;
  }
  return 1;
}

static int harness_write_outputs(void) {
  for (uint32_t i = 0; i < harness_output_count; ++i) {
    const struct harness_tensor *tensor = &harness_outputs[i];
    if (harness_write(HARNESS_OUTPUTS, tensor->data, tensor->bytes) != 0)
      return HARNESS_WRITE_FAILED;
  }
  return HARNESS_OK;
}

void harness_layer(uint32_t index, const void *data, uint32_t bytes) {
  const uint32_t head[2] = {index, bytes};
  if (harness_open(HARNESS_LAYERS) != 0 ||
      harness_write(HARNESS_LAYERS, head, sizeof head) != 0 ||
      harness_write(HARNESS_LAYERS, data, bytes) != 0)
    harness_exit(HARNESS_WRITE_FAILED);
}

static int harness_main(void) {
  int more, status;
  if (harness_open(HARNESS_INPUTS) != 0)
    return HARNESS_NO_INPUTS;
  if (harness_open(HARNESS_OUTPUTS) != 0)
    return HARNESS_WRITE_FAILED;
  harness_setup();
  while ((more = harness_read_inputs()) > 0) {
    status = harness_run();
    harness_run_end();
    if (status == 0)
      status = harness_write_outputs();
    if (status != 0)
      return status;
  }
  return more == 0 ? HARNESS_OK : HARNESS_SHORT_INPUTS;
}

int main(void) {
  harness_exit(harness_main());
  return 0;
}
