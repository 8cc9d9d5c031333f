/* The harness's files on the machine the compiler runs on. */
#include "harness_io.h"

#include <stdio.h>
#include <stdlib.h>

static FILE *harness_files[HARNESS_FILES];

int harness_open(enum harness_file file) {
  static const char *const names[HARNESS_FILES] = {"inputs.bin", "outputs.bin",
                                                   "layers.bin", "requests.bin"};
  if (harness_files[file] == NULL)
    harness_files[file] = fopen(names[file], file == HARNESS_INPUTS ? "rb" : "wb");
  return harness_files[file] == NULL ? -1 : 0;
}

uint32_t harness_length(enum harness_file file) {
  const long at = ftell(harness_files[file]);
  fseek(harness_files[file], 0, SEEK_END);
  const long length = ftell(harness_files[file]);
  fseek(harness_files[file], at, SEEK_SET);
  return (uint32_t)length;
}

int harness_seek(enum harness_file file, uint32_t at) {
  return fseek(harness_files[file], (long)at, SEEK_SET);
}

uint32_t harness_read(enum harness_file file, void *data, uint32_t bytes) {
  return (uint32_t)fread(data, 1, bytes, harness_files[file]);
}

int harness_write(enum harness_file file, const void *data, uint32_t bytes) {
  return fwrite(data, 1, bytes, harness_files[file]) == bytes ? 0 : -1;
}

void harness_exit(int status) {
  for (int i = 0; i < HARNESS_FILES; ++i)
    if (harness_files[i] != NULL && fclose(harness_files[i]) != 0 && status == 0)
      status = HARNESS_WRITE_FAILED;
  exit(status);
}
