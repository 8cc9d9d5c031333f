/* TCG plugin for QEMU: how often each block of code ran. Writes to the file given as
 * out=FILE a line "address instructions executions falls" for each block, in decimal. Not
 * bytes: at the end of a page QEMU's translator peeks at the next instruction, and adds
 * what it read to the size of the one before. Distributions ship QEMU without its plugin
 * header, so what is needed of the interface is declared here (QEMU 7.2). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t,
                                                            struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block,
                                          void (*callback)(unsigned, void *),
                                          enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                    void (*callback)(qemu_plugin_id_t, void *),
                                    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block,
                                                 size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *instruction);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_VERSION;
__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

struct block {
  uint64_t address, instructions, executions, falls;
  uint64_t bytes; /* 2 or so too many at the end of a page, but then it ends in no jump */
  struct block *next; /* in order of translation, newest first */
};

static struct block *all_blocks, *previous;
static const char *out_path;

static void on_execution(unsigned cpu, void *data) {
  struct block *block = data;
  (void)cpu;
  ++block->executions;
  if (previous != NULL && previous->address + previous->bytes == block->address)
    ++previous->falls;
  previous = block;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
  struct block *block = calloc(1, sizeof *block);
  const size_t count = qemu_plugin_tb_n_insns(tb);
  (void)id;
  if (block == NULL)
    abort();
  block->address = qemu_plugin_tb_vaddr(tb);
  block->instructions = count;
  for (size_t i = 0; i < count; ++i)
    block->bytes += qemu_plugin_insn_size(qemu_plugin_tb_get_insn(tb, i));
  block->next = all_blocks;
  all_blocks = block;
  qemu_plugin_register_vcpu_tb_exec_cb(tb, on_execution, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void report(qemu_plugin_id_t id, void *data) {
  FILE *out = fopen(out_path, "w");
  (void)id;
  (void)data;
  if (out == NULL)
    return;
  for (const struct block *block = all_blocks; block != NULL; block = block->next)
    if (block->executions != 0)
      fprintf(out, "%llu %llu %llu %llu\n", (unsigned long long)block->address,
              (unsigned long long)block->instructions,
              (unsigned long long)block->executions, (unsigned long long)block->falls);
  fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; ++i)
    if (strncmp(argv[i], "out=", 4) == 0)
      out_path = strdup(argv[i] + 4);
  if (out_path == NULL)
    return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
