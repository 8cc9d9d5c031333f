/* Vectors, reset and faults of a Cortex-M core. */
#include <stdint.h>

#include "harness_io.h"
#include "semihosting.h"

extern uint32_t harness_data_load, harness_data_start, harness_data_end;
extern uint32_t harness_bss_start, harness_bss_end;
extern uint32_t harness_stack_bottom, harness_stack_top;

int main(void);
void reset(void);
void harness_fault(void);
void harness_report_fault(const uint32_t *frame);

/* Prints "harness fault: pc=XXXXXXXX cfsr=XXXXXXXX" and exits. `frame` is what the core
 * stacked: r0-r3, r12, lr, pc, xpsr. After a stack overflow it did not; then pc is 0. */
void harness_report_fault(const uint32_t *frame) {
  static char text[] = "harness fault: pc=00000000 cfsr=00000000\n";
  enum { PC_COLUMN = 18, CFSR_COLUMN = 32, FRAME_PC = 6 };
  const uint32_t values[2] = {frame < &harness_stack_bottom ? 0 : frame[FRAME_PC],
                              *(volatile uint32_t *)0xE000ED28};
  static const uint32_t columns[2] = {PC_COLUMN, CFSR_COLUMN};
  for (int i = 0; i < 2; ++i)
    for (uint32_t digit = 0; digit < 8; ++digit)
      text[columns[i] + digit] = "0123456789abcdef"[values[i] >> (28 - 4 * digit) & 15];
  harness_semihost(HARNESS_SYS_WRITE0, text);
  harness_exit(HARNESS_FAULT);
}

/* The stack may be what failed: report from a fresh one. */
__attribute__((naked, used)) void harness_fault(void) {
  __asm__ volatile("mov r0, sp\n"
                   "ldr r1, =harness_stack_top\n"
                   "mov sp, r1\n"
                   "b harness_report_fault\n");
}

__attribute__((section(".vectors"), used)) const void *const harness_vectors[16] = {
    &harness_stack_top,      (void *)reset,           (void *)harness_fault,
    (void *)harness_fault, (void *)harness_fault, (void *)harness_fault,
    (void *)harness_fault};

__attribute__((noreturn)) void reset(void) {
#ifdef __ARM_FP
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to the FPU */
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
  const uint32_t *from = &harness_data_load;
  for (uint32_t *to = &harness_data_start; to < &harness_data_end; ++to)
    *to = *from++;
  for (uint32_t *to = &harness_bss_start; to < &harness_bss_end; ++to)
    *to = 0;
  main();
  for (;;) {
  }
}
