/* The driver: main() of every executable under test, and what the other object files of that executable give it.
 *
 * A host executable (compile/unit.py) is linked from
 *   1. driver.o (driver.cpp), which defines main();
 *   2. optionally a runtime that defines the weak hooks below (the CUDA emulator; the trace runtime).
 * It loads a unit: the user's translation unit with a call stub appended (compile/driver/stub.py), which defines
 * musl_call(). Where no unit is named, musl_call() is linked into the executable itself.
 *
 * Protocol. `EXECUTABLE tests_fd results_fd [unit...]`: the tests come in on the first descriptor (a file, mapped), the
 * results go out on the second (compile/runner.py is the other end). The parent forks one child for each test. The child
 * closes both descriptors, loads the unit, gives every array its own malloc of exactly its size, makes the call and
 * copies the results to a shared mapping; only the parent, which never runs code under test, writes to the results.
 * Nothing that the function prints, closes or exits with can be taken for a result. The constructors of the user's file
 * run in the children too, before their call: they belong to the unit, and where the executable holds them the parent
 * does its work before them, from .preinit_array (driver.o therefore stands first in the link).
 *
 * Both streams are little-endian, without padding, in the order of the structs below.
 *
 *   tests   = musl_header  filter  musl_schedule[schedule_count]  musl_parameter[parameter_count]  test[test_count]
 *   filter  = struct sock_filter[filter_count]: the system calls refused to the child (compile/seccomp.py); none
 *     where 0
 *   test    = argument[parameter_count]
 *   argument= uint64 count  bytes[count * element_size]        count == MUSL_NULL: null pointer, no bytes.
 *             (scalars, structs by value and references: count == 1)
 *   results = result[test_count of the schedule] for each schedule, in order; no schedule follows one in which a test was MUSL_TIMEOUT, and
 *     fewer results come where the driver itself was killed
 *   result  = musl_result  stderr bytes[stderr_size]  payload (only where status == MUSL_OK)
 *   payload = returned bytes[return_size]
 *             for each parameter that is an array (not null) or a reference: bytes[count * element_size], as left by
 *               the call
 *             if flags & MUSL_TRACE: musl_touched[parameter_count]
 */
#ifndef MUSL_DRIVER_H
#define MUSL_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSL_MAGIC 0x314c53554d554d55ull /* "UMUMSUL1" */
#define MUSL_NULL UINT64_MAX
#define MUSL_PATIENCE 5

/* musl_header.flags */
enum {
    MUSL_TRACE = 1,      /* arrays live in the trace runtime's slab, musl_touched is part of the payload */
    MUSL_PERTURB = 2     /* malloc fills new memory with the poison byte (plain builds; ASan does it by an option) */
};

/* musl_parameter.kind */
enum { MUSL_SCALAR = 0, MUSL_ARRAY = 1, MUSL_REFERENCE = 2 };

/* musl_result.status */
enum {
    MUSL_OK = 0,
    MUSL_SIGNAL = 1,  /* code: the signal that ended the child */
    MUSL_EXIT = 2,    /* code: the exit status; the call did not return */
    MUSL_TIMEOUT = 3, /* the test's wall time was used up */
    MUSL_MEMORY = 4,  /* the test's memory was used up */
    MUSL_FORBIDDEN = 5, /* code: number of the refused system call, -1 where unknown */
    MUSL_MACHINE = 6,  /* fork or mmap of the driver itself failed; code: errno */
    MUSL_UNSUPPORTED = 7 /* the call needs what the runtime does not have; its words are in the captured stderr */
};

struct musl_header {
    uint64_t magic;
    uint32_t test_count;
    uint32_t parameter_count;
    uint32_t return_size; /* bytes of the returned value, 0 for void */
    uint32_t flags;
    uint64_t test_ns;      /* processor time for each test; it may take MUSL_PATIENCE times as long on a busy machine */
    uint64_t total_ns;     /* for all tests of a schedule; those not begun by then are MUSL_TIMEOUT with code 1 */
    uint64_t memory_bytes; /* for each test, beyond what the driver holds itself; 0 for no limit */
    uint32_t stderr_bytes; /* of a child's stderr, this much is kept: three quarters of its beginning, a quarter of its end */
    uint32_t poison;       /* a byte */
    uint32_t filter_count;
    uint32_t schedule_count;
    uint32_t workers; /* operating-system threads on which a runtime may spread its work; 0 as 1: none but the test's own */
    uint32_t hangs;   /* once so many tests have used up their time in the first schedule, the others are MUSL_TIMEOUT with code 2; 0 for no bound */
};

struct musl_schedule {
    uint64_t seed;
    uint32_t test_count; /* only so many of the tests, from the first one on, run in this schedule */
    uint32_t unit;       /* which of the units it runs, from 0; those behind the first get no workers */
    char name[32]; /* NUL-terminated: see compile/emulator/runtime/schedule.cpp; on the C side "round up", "round down".
                    * " after another" at its end: the child makes the call of the next test first, and forgets its results */
};

struct musl_parameter {
    uint32_t kind;
    uint32_t element_size;
};

/* musl_result.remarks: what musl_hook_end() remarks on a call that has returned. What it says of each is in the captured stderr,
 * which the call could have closed; these bits it cannot take back. */
enum {
    MUSL_UNREAD_ERROR = 1,       /* an error of the CUDA API was left unread */
    MUSL_UNINITIALISED_READ = 2, /* a kernel loaded memory that was never written */
    MUSL_UNINITIALISED_COPY = 4  /* memory that was never written was copied to the host */
};

struct musl_result {
    uint32_t status;
    int32_t code;
    uint64_t wall_ns; /* of the call alone where it returned, else of the child */
    uint64_t launches;
    uint32_t stderr_size;
    uint32_t remarks;
};

/* Elements [low, high) of an array argument that the call loaded or stored; low == high == 0: none. */
struct musl_touched {
    int64_t low;
    int64_t high;
    uint32_t read;
    uint32_t written;
};

/* ---- defined by the stub in the user's translation unit (weak: it may be in a unit) -------------------------------
 * arguments[i] is the array itself (or NULL) for an array parameter, and the address of the value for a scalar, a
 * struct by value or a reference. *returned receives the returned value. */
void musl_call(void **arguments, void *returned) __attribute__((weak));

/* ---- weak hooks, run in the child around the call ---------------------------------------------------------------- */

/* One array argument (reference parameters too: a block of one element) as the function under test will see it. */
struct musl_array {
    void *data; /* never NULL: null pointers are not listed */
    uint64_t bytes;
    uint32_t element_size;
    uint32_t parameter; /* index of the parameter */
};

struct musl_call_info {
    const char *schedule;
    uint64_t seed;
    uint32_t test; /* index of the test */
    uint32_t array_count;
    const struct musl_array *arrays;
    uint32_t poison; /* a byte */
};

/* Called before the filter of system calls is on where the header asks for more than one worker: makes all but one. */
void musl_hook_workers(uint32_t count) __attribute__((weak));

/* Called after the arguments are made and before musl_call(). */
void musl_hook_begin(const struct musl_call_info *info) __attribute__((weak));

/* Called after musl_call() returned; the arrays must be readable from then on. Sets *launches. Returns the remarks on the call,
 * and writes a line on each to stderr. */
uint32_t musl_hook_end(uint64_t *launches) __attribute__((weak));

/* For the runtime, in the child, before it ends a call that needs what it does not have. Only it can say so: a unit does not
 * find this name. */
void musl_unsupported(void) __attribute__((weak, visibility("hidden")));

/* Trace runtime only: an array whose first `bytes` bytes are `values`, which repeats beyond; and what was touched of it. */
void *musl_trace_array(uint32_t parameter, const void *values, uint64_t bytes, uint32_t element_size) __attribute__((weak));
void musl_trace_touched(uint32_t parameter, struct musl_touched *touched) __attribute__((weak));

#ifdef __cplusplus
}
#endif
#endif
