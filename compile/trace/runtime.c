/* The trace runtime: which elements of its array arguments a call loads and stores.
 *
 * The user's translation unit is compiled with -fsanitize=thread, which puts a call in front of every load and store;
 * this file defines those calls instead of the thread sanitizer's library. Every array lies in a slab of address
 * space of its own, far larger than the test's values, which repeat through it: so a call runs on to its natural end
 * and shows how large its arrays must be. Pages come to life when they are first touched. This knows nothing of the
 * Translator's analysis, on purpose.
 */
#define _GNU_SOURCE
#include "musl_driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_PARAMETERS = 128 };
#define REGION (256ull << 20)     /* address space of one array; its first element stands in the middle */
#define REACH (64ull << 20)       /* bytes before and after it that may be touched; the rest of the region is a guard */
#define CHUNK (64ull << 10)       /* brought to life at once */
#define FILLED_ELEMENTS (1 << 20) /* beyond, elements are zero */

struct traced {
    const unsigned char *values; /* in the tests' mapping */
    uint64_t bytes;
    uint32_t element_size;
    int read, written;
    int64_t low, high; /* bytes */
};

static unsigned char *slab;
static struct traced traced[MAX_PARAMETERS];
static int tracing;

static unsigned char *base_of(uint32_t parameter) { return slab + parameter * REGION + REGION / 2; }

static _Noreturn void stop(const char *what, const void *address) {
    tracing = 0;
    dprintf(2, "trace: %s at %p\n", what, address);
    _exit(98);
}

/* The values of bytes [from, to) relative to the array: the test's own, repeated; zero far from it. */
static void fill(const struct traced *array, unsigned char *base, int64_t from, int64_t to) {
    int64_t reach = (int64_t)FILLED_ELEMENTS * array->element_size;
    int64_t period = (int64_t)array->bytes;
    if (period == 0) return;
    if (from < -reach) from = -reach;
    if (to > reach) to = reach;
    int64_t phase = ((from % period) + period) % period;
    for (int64_t at = from; at < to; phase = 0) {
        int64_t length = period - phase < to - at ? period - phase : to - at;
        for (int64_t i = 0; i < length; ++i) base[at + i] = array->values[phase + i];
        at += length;
    }
}

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    unsigned char *address = info->si_addr;
    if (slab && address >= slab && address < slab + MAX_PARAMETERS * REGION) {
        uint32_t parameter = (uint32_t)((uint64_t)(address - slab) / REGION);
        unsigned char *base = base_of(parameter);
        unsigned char *chunk = (unsigned char *)((uintptr_t)address & ~(uintptr_t)(CHUNK - 1));
        if (address < base - REACH || address >= base + REACH || traced[parameter].element_size == 0)
            stop("access far outside every array", address);
        if (mprotect(chunk, CHUNK, PROT_READ | PROT_WRITE) != 0) stop("out of memory", address);
        fill(&traced[parameter], base, chunk - base, chunk - base + (int64_t)CHUNK);
        return;
    }
    signal(number, SIG_DFL);
    dprintf(2, "trace: access outside every array at %p\n", (void *)address);
}

static void prepare(void) {
    static unsigned char stack[65536];
    slab = mmap(NULL, MAX_PARAMETERS * REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) stop("no address space", NULL);
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

void *musl_trace_array(uint32_t parameter, const void *values, uint64_t bytes, uint32_t element_size) {
    if (!slab) prepare();
    if (parameter >= MAX_PARAMETERS) stop("too many parameters", NULL);
    traced[parameter] = (struct traced){.values = values, .bytes = bytes, .element_size = element_size};
    if (bytes > REACH) stop("the test's own values are too large to trace", NULL);
    return base_of(parameter);
}

static int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

void musl_trace_touched(uint32_t parameter, struct musl_touched *touched) {
    const struct traced *array = &traced[parameter];
    *touched = (struct musl_touched){0, 0, 0, 0};
    if (parameter >= MAX_PARAMETERS || !(array->read || array->written)) return;
    touched->low = floor_divide(array->low, array->element_size);
    touched->high = floor_divide(array->high + array->element_size - 1, array->element_size);
    touched->read = (uint32_t)array->read;
    touched->written = (uint32_t)array->written;
}

void musl_hook_begin(const struct musl_call_info *info) {
    (void)info;
    tracing = 1;
}

uint32_t musl_hook_end(uint64_t *launches) {
    tracing = 0;
    *launches = 0;
    return 0;
}

static inline void touch(const volatile void *address, uint64_t size, int write) {
    uint64_t offset = (uint64_t)((const volatile unsigned char *)address - slab);
    if (!tracing || !slab || offset >= MAX_PARAMETERS * REGION || size == 0) return;
    struct traced *array = &traced[offset / REGION];
    int64_t at = (int64_t)(offset % REGION) - (int64_t)(REGION / 2);
    if (at < -(int64_t)REACH || at >= (int64_t)REACH) stop("access far outside every array", (const void *)address);
    if (!(array->read || array->written)) array->low = at, array->high = at;
    if (at < array->low) array->low = at;
    if (at + (int64_t)size > array->high) array->high = at + (int64_t)size;
    if (write) array->written = 1;
    else array->read = 1;
}

/* ---- the calls that -fsanitize=thread makes (gcc/tsan.cc, gcc/sanitizer.def) ---- */

void __tsan_init(void) {}
void __tsan_func_entry(void *caller) { (void)caller; }
void __tsan_func_exit(void) {}
void __tsan_vptr_update(void **at, void *value) { (void)value; touch(at, sizeof *at, 1); }
void __tsan_vptr_read(void **at) { touch(at, sizeof *at, 0); }
void __tsan_read_range(void *at, unsigned long size) { touch(at, size, 0); }
void __tsan_write_range(void *at, unsigned long size) { touch(at, size, 1); }

#define ACCESS(size)                                                                   \
    void __tsan_read##size(void *at) { touch(at, size, 0); }                           \
    void __tsan_write##size(void *at) { touch(at, size, 1); }                          \
    void __tsan_volatile_read##size(void *at) { touch(at, size, 0); }                  \
    void __tsan_volatile_write##size(void *at) { touch(at, size, 1); }                 \
    void __tsan_unaligned_read##size(void *at) { touch(at, size, 0); }                 \
    void __tsan_unaligned_write##size(void *at) { touch(at, size, 1); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

#define UPDATE(bits, type, name)                                                       \
    type __tsan_atomic##bits##_fetch_##name(volatile type *at, type value, int order) { \
        (void)order;                                                                   \
        touch(at, sizeof(type), 0), touch(at, sizeof(type), 1);                        \
        return __atomic_fetch_##name(at, value, __ATOMIC_SEQ_CST);                     \
    }
#define COMPARE(bits, type, name)                                                      \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *at, type *expected, type value, int order, int failed) { \
        (void)order, (void)failed;                                                     \
        touch(at, sizeof(type), 0), touch(at, sizeof(type), 1);                        \
        return __atomic_compare_exchange_n(at, expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    }
#define ATOMIC(bits, type)                                                             \
    type __tsan_atomic##bits##_load(const volatile type *at, int order) {              \
        (void)order;                                                                   \
        touch(at, sizeof(type), 0);                                                    \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                  \
    }                                                                                  \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order) {       \
        (void)order;                                                                   \
        touch(at, sizeof(type), 1);                                                    \
        __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                 \
    }                                                                                  \
    type __tsan_atomic##bits##_exchange(volatile type *at, type value, int order) {    \
        (void)order;                                                                   \
        touch(at, sizeof(type), 0), touch(at, sizeof(type), 1);                        \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                       \
    }                                                                                  \
    UPDATE(bits, type, add) UPDATE(bits, type, sub) UPDATE(bits, type, and)            \
    UPDATE(bits, type, or) UPDATE(bits, type, xor) UPDATE(bits, type, nand)            \
    COMPARE(bits, type, strong) COMPARE(bits, type, weak)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
void __tsan_atomic_thread_fence(int order) { (void)order; __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int order) { (void)order; }

/* ---- functions of the C library, linked with --wrap ---- */

void *__real_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__real_memset(void *to, int value, size_t size);
int __real_memcmp(const void *a, const void *b, size_t size);
void *__real_memchr(const void *at, int value, size_t size);
size_t __real_strlen(const char *text);
char *__real_strcpy(char *to, const char *from);
char *__real_strncpy(char *to, const char *from, size_t size);
int __real_strcmp(const char *a, const char *b);
int __real_strncmp(const char *a, const char *b, size_t size);
char *__real_strchr(const char *text, int value);

static size_t shorter(size_t a, size_t b) { return a < b ? a : b; }

void *__wrap_memcpy(void *to, const void *from, size_t size) {
    touch(from, size, 0), touch(to, size, 1);
    return __real_memcpy(to, from, size);
}
void *__wrap_memmove(void *to, const void *from, size_t size) {
    touch(from, size, 0), touch(to, size, 1);
    return __real_memmove(to, from, size);
}
void *__wrap_memset(void *to, int value, size_t size) {
    touch(to, size, 1);
    return __real_memset(to, value, size);
}
int __wrap_memcmp(const void *a, const void *b, size_t size) {
    touch(a, size, 0), touch(b, size, 0);
    return __real_memcmp(a, b, size);
}
void *__wrap_memchr(const void *at, int value, size_t size) {
    void *found = __real_memchr(at, value, size);
    touch(at, found ? (size_t)((char *)found - (const char *)at) + 1 : size, 0);
    return found;
}
size_t __wrap_strlen(const char *text) {
    size_t length = __real_strlen(text);
    touch(text, length + 1, 0);
    return length;
}
char *__wrap_strcpy(char *to, const char *from) {
    size_t size = __real_strlen(from) + 1;
    touch(from, size, 0), touch(to, size, 1);
    return __real_strcpy(to, from);
}
char *__wrap_strncpy(char *to, const char *from, size_t size) {
    touch(from, shorter(__real_strlen(from) + 1, size), 0), touch(to, size, 1);
    return __real_strncpy(to, from, size);
}
int __wrap_strcmp(const char *a, const char *b) {
    size_t size = 0;
    while (a[size] && a[size] == b[size]) ++size;
    touch(a, size + 1, 0), touch(b, size + 1, 0);
    return __real_strcmp(a, b);
}
int __wrap_strncmp(const char *a, const char *b, size_t size) {
    size_t same = 0;
    while (same < size && a[same] && a[same] == b[same]) ++same;
    touch(a, shorter(same + 1, size), 0), touch(b, shorter(same + 1, size), 0);
    return __real_strncmp(a, b, size);
}
char *__wrap_strchr(const char *text, int value) {
    char *found = __real_strchr(text, value);
    touch(text, found ? (size_t)(found - text) + 1 : __real_strlen(text) + 1, 0);
    return found;
}
