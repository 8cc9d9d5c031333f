/* Files and exit, on the core by semihosting (io_semihosting.c), natively by stdio
 * (io_host.c). Nothing here copies or clears memory with memcpy or memset: those count
 * as the network's. */
#ifndef TINYML_HARNESS_IO_H
#define TINYML_HARNESS_IO_H

#include <stdint.h>

enum harness_file {
  HARNESS_INPUTS,
  HARNESS_OUTPUTS,
  HARNESS_LAYERS,
  HARNESS_REQUESTS,
  HARNESS_FILES
};

enum harness_status {
  HARNESS_OK = 0,
  HARNESS_FAULT = 111,        /* the core took a fault */
  HARNESS_NO_INPUTS = 112,    /* inputs.bin cannot be opened */
  HARNESS_SHORT_INPUTS = 113, /* inputs.bin ends within a set */
  HARNESS_WRITE_FAILED = 114, /* a file cannot be written */
  HARNESS_OUTSIDE = 115,      /* pixels outside of an input were asked for */
  HARNESS_OUT_OF_ORDER = 116  /* a row was asked for that is not the next one */
};

/* Opens the file if it is not open yet: HARNESS_INPUTS for reading, the others anew for
 * writing. 0 on success. */
int harness_open(enum harness_file file);

/* The bytes of an open file. */
uint32_t harness_length(enum harness_file file);

/* Makes `at` the place of the next access. 0 on success. */
int harness_seek(enum harness_file file, uint32_t at);

/* The number of bytes read, less than `bytes` at the end of the file. */
uint32_t harness_read(enum harness_file file, void *data, uint32_t bytes);

/* 0 on success. */
int harness_write(enum harness_file file, const void *data, uint32_t bytes);

/* Closes what is open and ends the program. */
void harness_exit(int status);

#endif
