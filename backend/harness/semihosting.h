/* One semihosting call. */
#ifndef TINYML_SEMIHOSTING_H
#define TINYML_SEMIHOSTING_H

#include <stdint.h>

enum {
  HARNESS_SYS_OPEN = 0x01,
  HARNESS_SYS_CLOSE = 0x02,
  HARNESS_SYS_WRITE0 = 0x04,
  HARNESS_SYS_WRITE = 0x05,
  HARNESS_SYS_READ = 0x06,
  HARNESS_SYS_SEEK = 0x0A,
  HARNESS_SYS_FLEN = 0x0C,
  HARNESS_SYS_EXIT_EXTENDED = 0x20
};

enum { HARNESS_MODE_RB = 1, HARNESS_MODE_WB = 5 };

enum { HARNESS_APPLICATION_EXIT = 0x20026 };

static inline int32_t harness_semihost(uint32_t operation, const void *argument) {
  register uint32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return (int32_t)r0;
}

#endif
