/* The harness's files on the core: Arm semihosting, as the simulators implement it. */
#include "harness_io.h"

#include "semihosting.h"

static int32_t harness_handles[HARNESS_FILES]; /* handle + 1; 0 is not open */

int harness_open(enum harness_file file) {
  static const char *const names[HARNESS_FILES] = {"inputs.bin", "outputs.bin",
                                                   "layers.bin", "requests.bin"};
  static const uint32_t lengths[HARNESS_FILES] = {
      sizeof "inputs.bin" - 1, sizeof "outputs.bin" - 1, sizeof "layers.bin" - 1,
      sizeof "requests.bin" - 1};
  if (harness_handles[file] == 0) {
    const uint32_t arguments[3] = {
        (uint32_t)names[file],
        file == HARNESS_INPUTS ? HARNESS_MODE_RB : HARNESS_MODE_WB, lengths[file]};
    harness_handles[file] = harness_semihost(HARNESS_SYS_OPEN, arguments) + 1;
  }
  return harness_handles[file] == 0 ? -1 : 0;
}

uint32_t harness_length(enum harness_file file) {
  const uint32_t handle = (uint32_t)harness_handles[file] - 1;
  return (uint32_t)harness_semihost(HARNESS_SYS_FLEN, &handle);
}

int harness_seek(enum harness_file file, uint32_t at) {
  const uint32_t arguments[2] = {(uint32_t)harness_handles[file] - 1, at};
  return harness_semihost(HARNESS_SYS_SEEK, arguments);
}

uint32_t harness_read(enum harness_file file, void *data, uint32_t bytes) {
  const uint32_t arguments[3] = {(uint32_t)harness_handles[file] - 1, (uint32_t)data,
                                 bytes};
  return bytes - (uint32_t)harness_semihost(HARNESS_SYS_READ, arguments);
}

int harness_write(enum harness_file file, const void *data, uint32_t bytes) {
  const uint32_t arguments[3] = {(uint32_t)harness_handles[file] - 1, (uint32_t)data,
                                 bytes};
  return harness_semihost(HARNESS_SYS_WRITE, arguments);
}

void harness_exit(int status) {
  for (int i = 0; i < HARNESS_FILES; ++i) {
    const uint32_t handle = (uint32_t)harness_handles[i] - 1;
    if (harness_handles[i] != 0)
      harness_semihost(HARNESS_SYS_CLOSE, &handle);
  }
  const uint32_t block[2] = {HARNESS_APPLICATION_EXIT, (uint32_t)status};
  for (;;)
    harness_semihost(HARNESS_SYS_EXIT_EXTENDED, block);
}
