/* The memory functions that compilers call of their own accord. What they cost is the
 * network's cost: the harness calls none of them. They must not become calls of
 * themselves: this file is compiled without loop idioms. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

typedef uint32_t __attribute__((may_alias)) word;

static int aligned(const void *to, const void *from) {
  return (((uintptr_t)to | (uintptr_t)from) & 3) == 0;
}

static inline __attribute__((always_inline)) void copy_up(uint8_t *to,
                                                          const uint8_t *from,
                                                          size_t bytes) {
  if (aligned(to, from)) {
    for (; bytes >= 16; bytes -= 16, to += 16, from += 16) {
      const word a = ((const word *)from)[0], b = ((const word *)from)[1];
      const word c = ((const word *)from)[2], d = ((const word *)from)[3];
      ((word *)to)[0] = a;
      ((word *)to)[1] = b;
      ((word *)to)[2] = c;
      ((word *)to)[3] = d;
    }
    for (; bytes >= 4; bytes -= 4, to += 4, from += 4)
      *(word *)to = *(const word *)from;
  }
  while (bytes-- > 0)
    *to++ = *from++;
}

__attribute__((used)) void *memcpy(void *restrict to, const void *restrict from,
                                   size_t bytes) {
  copy_up(to, from, bytes);
  return to;
}

__attribute__((used)) void *memmove(void *to, const void *from, size_t bytes) {
  uint8_t *d = to;
  const uint8_t *s = from;
  if ((uintptr_t)d - (uintptr_t)s >= bytes) {
    copy_up(d, s, bytes);
    return to;
  }
  if (aligned(d + bytes, s + bytes)) {
    for (; bytes >= 4; bytes -= 4)
      *(word *)(d + bytes - 4) = *(const word *)(s + bytes - 4);
  }
  while (bytes-- > 0)
    d[bytes] = s[bytes];
  return to;
}

__attribute__((used)) void *memset(void *to, int value, size_t bytes) {
  uint8_t *d = to;
  const word pattern = (uint8_t)value * 0x01010101u;
  for (; bytes > 0 && ((uintptr_t)d & 3) != 0; --bytes)
    *d++ = (uint8_t)value;
  for (; bytes >= 16; bytes -= 16, d += 16) {
    ((word *)d)[0] = pattern;
    ((word *)d)[1] = pattern;
    ((word *)d)[2] = pattern;
    ((word *)d)[3] = pattern;
  }
  for (; bytes >= 4; bytes -= 4, d += 4)
    *(word *)d = pattern;
  while (bytes-- > 0)
    *d++ = (uint8_t)value;
  return to;
}

#ifdef __arm__
/* The run-time ABI's names; __aeabi_memset has its arguments in another order. */
#define COPY(name, function)                                                            \
  void name(void *to, const void *from, size_t bytes);                                 \
  __attribute__((used)) void name(void *to, const void *from, size_t bytes) {          \
    function(to, from, bytes);                                                         \
  }
#define SET(suffix)                                                                     \
  void __aeabi_memset##suffix(void *to, size_t bytes, int value);                      \
  __attribute__((used)) void __aeabi_memset##suffix(void *to, size_t bytes,            \
                                                    int value) {                       \
    memset(to, value, bytes);                                                          \
  }                                                                                    \
  void __aeabi_memclr##suffix(void *to, size_t bytes);                                 \
  __attribute__((used)) void __aeabi_memclr##suffix(void *to, size_t bytes) {          \
    memset(to, 0, bytes);                                                              \
  }

COPY(__aeabi_memcpy, memcpy)
COPY(__aeabi_memcpy4, memcpy)
COPY(__aeabi_memcpy8, memcpy)
COPY(__aeabi_memmove, memmove)
COPY(__aeabi_memmove4, memmove)
COPY(__aeabi_memmove8, memmove)
SET()
SET(4)
SET(8)
#endif
