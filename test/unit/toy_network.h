/* The glue of a network of one int8 input and output of N elements in one arena. A test
 * includes it, defines ARENA_BYTES, and writes net_run. */
#include <stdint.h>
#include "harness.h"
#define N 64
#ifdef __arm__
#define ARENA __attribute__((section(".noinit"), aligned(8)))
#else
#define ARENA
#endif
int8_t arena[ARENA_BYTES] ARENA;
const uint32_t harness_input_count = 1, harness_output_count = 1;
struct harness_tensor harness_inputs[] = {{0, N}}, harness_outputs[] = {{0, N}};
void harness_setup(void) {
  harness_inputs[0].data = arena;
  harness_outputs[0].data = arena + N;
}
__attribute__((noinline)) int net_run(int8_t *in, int8_t *out);
int harness_run(void) { return net_run(arena, arena + N); }
