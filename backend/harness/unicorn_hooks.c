/* Unicorn hooks that count blocks, follow calls and check alignment, compiled for the
 * machine that simulates. The structures are mirrored in unicorn_hooks.py. No libc. */
#include <stdint.h>

struct block {
  uint32_t address, size;
  uint64_t executions, falls;
  uint32_t next; /* next block of the same address: index + 1 */
  uint32_t call; /* what it ran in */
};

struct call {
  uint32_t parent, function; /* what called, what was called */
  uint32_t site;             /* where it returns to */
  uint32_t tail;             /* 1 if it was jumped to and returns for its parent too */
  uint32_t first, next;      /* calls that it made, and its parent's next: index or 0 */
  uint32_t times, unused;
};

struct counter {
  struct block *blocks;
  uint32_t *heads;         /* by half-word of code: index of the first block + 1 */
  const uint32_t *entries; /* by half-word: the function that starts there, or 0 */
  struct call *calls;      /* the first is what runs from reset on */
  int (*read_register)(void *engine, int id, void *value);
  uint32_t capacity, used;
  uint32_t base, halfwords; /* where the code is */
  uint32_t previous, next_address;
  uint32_t lost; /* blocks that were not counted */
  uint32_t call_capacity, calls_used, call;
  uint32_t lost_calls;
  uint32_t link_register; /* Unicorn's number of it */
};

/* The block that was asked for last comes first. */
static struct block *find(struct counter *c, uint32_t halfword, uint32_t address,
                          uint32_t size) {
  struct block *b;
  uint32_t *link = &c->heads[halfword];
  while (*link != 0) {
    const uint32_t i = *link;
    b = &c->blocks[i - 1];
    if (b->size == size && b->call == c->call) {
      *link = b->next;
      b->next = c->heads[halfword];
      c->heads[halfword] = i;
      return b;
    }
    link = &b->next;
  }
  if (c->used == c->capacity)
    return 0;
  b = &c->blocks[c->used++];
  b->address = address;
  b->size = size;
  b->call = c->call;
  b->next = c->heads[halfword];
  c->heads[halfword] = c->used;
  return b;
}

/* Enters the call of `function` that returns to `site`. */
static void enter(struct counter *c, uint32_t function, uint32_t site, uint32_t tail) {
  uint32_t *link = &c->calls[c->call].first;
  struct call *made;
  while (*link != 0) {
    made = &c->calls[*link];
    if (made->function == function && made->site == site && made->tail == tail)
      break;
    link = &made->next;
  }
  if (*link == 0) {
    if (c->calls_used == c->call_capacity) {
      ++c->lost_calls;
      return;
    }
    made = &c->calls[c->calls_used];
    made->parent = c->call;
    made->function = function;
    made->site = site;
    made->tail = tail;
    *link = c->calls_used++;
  }
  c->call = *link;
  ++c->calls[c->call].times;
}

/* Follows calls and returns to the block that starts at `address`. */
static void follow(void *engine, struct counter *c, uint32_t address,
                   uint32_t function) {
  const struct call *in = &c->calls[c->call];
  uint32_t back = 0;
  if (c->call != 0 && in->site == address) {
    while (c->calls[c->call].tail)
      c->call = c->calls[c->call].parent;
    c->call = c->calls[c->call].parent;
    return;
  }
  if (function == 0)
    return;
  c->read_register(engine, (int)c->link_register, &back);
  back &= ~1u;
  if (back == c->next_address)
    enter(c, function, back, 0);
  else if (function != in->function)
    enter(c, function, in->site, 1);
}

void on_block(void *engine, uint64_t address64, uint32_t size, struct counter *c) {
  const uint32_t address = (uint32_t)address64, halfword = (address - c->base) >> 1;
  struct block *b = 0;
  if (halfword < c->halfwords) {
    follow(engine, c, address, c->entries[halfword]);
    b = find(c, halfword, address, size);
  }
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
