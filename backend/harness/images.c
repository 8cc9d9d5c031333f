/* Inputs that the network asks for. They stay in inputs.bin, so that no memory of the
 * core holds them; each request is noted in requests.bin. */
#include "harness.h"
#include "harness_io.h"

void harness_read_image(struct harness_image *image, int32_t row, int32_t column,
                        int32_t columns, void *pixels) {
  const int32_t request[5] = {(int32_t)harness_set, (int32_t)image->input, row, column,
                              columns};
  if (harness_open(HARNESS_REQUESTS) != 0 ||
      harness_write(HARNESS_REQUESTS, request, sizeof request) != 0)
    harness_exit(HARNESS_WRITE_FAILED);
  if (row < 0 || row >= image->rows || column < 0 || columns < 0 ||
      columns > image->columns - column)
    harness_exit(HARNESS_OUTSIDE);
  if (image->set != harness_set + 1) {
    image->set = harness_set + 1;
    image->next_row = 0;
  }
  if (image->once && row != image->next_row)
    harness_exit(HARNESS_OUT_OF_ORDER);
  image->next_row = row + 1;
  const uint32_t pixel = (uint32_t)(row * image->columns + column);
  const uint32_t bytes = (uint32_t)columns * image->pixel_bytes;
  const uint32_t at = harness_set + image->at + pixel * image->pixel_bytes;
  if (harness_seek(HARNESS_INPUTS, at) != 0 ||
      harness_read(HARNESS_INPUTS, pixels, bytes) != bytes)
    harness_exit(HARNESS_SHORT_INPUTS);
}
