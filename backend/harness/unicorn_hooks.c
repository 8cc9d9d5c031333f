/* Unicorn hooks that count blocks and check alignment, compiled for the machine that
 * simulates. The structures are mirrored in unicorn_hooks.py. No libc. */
#include <stdint.h>

struct block {
  uint32_t address, size;
  uint64_t executions, falls;
  uint32_t next, unused; /* next block of the same address: index + 1 */
};

struct counter {
  struct block *blocks;
  uint32_t *heads; /* by half-word of code: index of the first block + 1 */
  uint32_t capacity, used;
  uint32_t base, halfwords; /* where the code is */
  uint32_t previous, next_address;
  uint32_t lost; /* blocks that were not counted */
  uint32_t unused;
};

static struct block *find(struct counter *c, uint32_t halfword, uint32_t address,
                          uint32_t size) {
  struct block *b;
  uint32_t i = c->heads[halfword];
  while (i != 0 && c->blocks[i - 1].size != size)
    i = c->blocks[i - 1].next;
  if (i != 0)
    return &c->blocks[i - 1];
  if (c->used == c->capacity)
    return 0;
  b = &c->blocks[c->used++];
  b->address = address;
  b->size = size;
  b->next = c->heads[halfword];
  c->heads[halfword] = c->used;
  return b;
}

void on_block(void *engine, uint64_t address64, uint32_t size, struct counter *c) {
  const uint32_t address = (uint32_t)address64, halfword = (address - c->base) >> 1;
  struct block *b = halfword < c->halfwords ? find(c, halfword, address, size) : 0;
  (void)engine;
  if (b == 0) {
    ++c->lost;
    return;
  }
  ++b->executions;
  if (address == c->next_address)
    ++c->blocks[c->previous].falls;
  c->previous = (uint32_t)(b - c->blocks);
  c->next_address = address + size;
}

struct alignment {
  const uint16_t *bases; /* by half-word of code: Unicorn's base register, or 0 */
  uint8_t *found;        /* by half-word of code: 1 after an unaligned access */
  int (*read_register)(void *engine, int id, void *value);
  uint32_t base, halfwords;
};

void on_instruction(void *engine, uint64_t address, uint32_t size,
                    struct alignment *a) {
  const uint32_t halfword = ((uint32_t)address - a->base) >> 1;
  uint32_t value = 0;
  (void)size;
  if (halfword >= a->halfwords || a->bases[halfword] == 0)
    return;
  a->read_register(engine, a->bases[halfword], &value);
  if (value & 3)
    a->found[halfword] = 1;
}
