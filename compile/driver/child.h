// Part of driver.cpp: what a child does, from the fork to its end. This is the only side that runs code under test.
#pragma once

#include "tests.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fenv.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

extern "C" {
size_t __sanitizer_get_allocated_size(const volatile void *memory) __attribute__((weak));
int __sanitizer_get_ownership(const volatile void *memory) __attribute__((weak));
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *)) __attribute__((weak));
}

namespace {

constexpr uint64_t kSanitizerReserve = 1ull << 30; // redzones, quarantine and shadow of the allocations

ChildState *state_of_this_child;

void on_forbidden_call(int, siginfo_t *info, void *) {
    state_of_this_child->failed = MUSL_FORBIDDEN;
    state_of_this_child->code = info->si_syscall;
    _exit(121);
}

// Everything the child inherits from the parent that code under test must not have.
void enter_child(const Tests &tests, int stderr_descriptor, int tests_fd, int results_fd, int signals) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(stderr_descriptor, 2) < 0) _exit(122);
    close(null);
    close(stderr_descriptor);
    close(tests_fd);
    close(results_fd);
    close(signals);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (tests.header->flags & MUSL_PERTURB) mallopt(M_PERTURB, static_cast<int>(tests.header->poison));
}

// A sanitizer that gets no memory any more hangs in its own report: so its allocations are counted before that.
uint64_t allocated, may_allocate;

void on_malloc(const volatile void *, size_t size) {
    allocated += size;
    if (allocated <= may_allocate) return;
    state_of_this_child->failed = MUSL_MEMORY;
    _exit(124);
}

void on_free(const volatile void *memory) {
    // What is freed may be none of the sanitizer's (a double free, a wild pointer, the dynamic linker's own): its size is asked
    // for only where it is, or the question itself ends the process.
    uint64_t size = memory && __sanitizer_get_ownership(memory) ? __sanitizer_get_allocated_size(memory) : 0;
    allocated -= size < allocated ? size : allocated;
}

// Pages of private writable memory. Without stdio, whose buffers a sanitizer's allocator would make room for in each child.
unsigned long long data_pages() {
    char text[256];
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (size <= 0) die("driver: /proc/self/statm");
    close(file);
    text[size] = 0;
    const char *at = text;  // size, resident, shared, text, library, data
    for (int field = 0; field < 5 && at; ++field) at = strchr(at + 1, ' ');
    if (!at) die("driver: /proc/self/statm");
    return strtoull(at, nullptr, 10);
}

// RLIMIT_DATA counts private writable memory, a sanitizer's shadow included: so the limit stands above what is held.
void limit_memory(uint64_t bytes) {
    if (bytes == 0) return;
    if (__sanitizer_install_malloc_and_free_hooks && __sanitizer_get_allocated_size && __sanitizer_get_ownership) {
        may_allocate = bytes;
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
        bytes = 2 * bytes + kSanitizerReserve;
    }
    rlim_t limit = data_pages() * static_cast<unsigned long long>(sysconf(_SC_PAGESIZE)) + bytes;
    rlimit limits = {limit, limit};
    setrlimit(RLIMIT_DATA, &limits);
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

bool put_on_all_threads(const sock_fprog &filter) {
    return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

void refuse_system_calls(const Tests &tests, uint64_t seal) {
    if (tests.header->filter_count == 0) return;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_forbidden_call;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSYS, &action, nullptr);
    // abort() needs tgkill, but only with the process's own id.
    sock_filter signals[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_tgkill, 0, 3),
                             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(getpid()), 1, 0),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    sock_fprog own = {sizeof signals / sizeof signals[0], signals};
    auto *filter = const_cast<sock_filter *>(tests.filter);
    sock_fprog program = {static_cast<unsigned short>(tests.header->filter_count), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !put_on_all_threads(own) || !put_on_all_threads(program)) {
        state_of_this_child->failed = MUSL_MACHINE;
        state_of_this_child->code = errno;
        state_of_this_child->finished = seal;
        _exit(123);
    }
}

void *make_argument(const Tests &tests, uint32_t parameter, const uint8_t *values, uint64_t bytes) {
    const musl_parameter &p = tests.parameters[parameter];
    if ((tests.header->flags & MUSL_TRACE) && p.kind == MUSL_ARRAY && musl_trace_array)
        return musl_trace_array(parameter, values, bytes, p.element_size);
    // malloc(0) may share its block with others; one of its own keeps the sanitizer's redzone right at the address.
    void *memory = malloc(bytes);
    if (!memory) {
        state_of_this_child->failed = MUSL_MEMORY;
        _exit(124);
    }
    memcpy(memory, values, bytes);
    return memory;
}

struct Call {
    void **arguments;
    uint64_t *bytes;
    musl_array *arrays;
    uint32_t array_count;
    void *returned;
};

// All that belongs to a call but the arrays themselves is one block: a sanitizer's allocator maps and poisons memory anew for
// each size that a child asks for first.
Call make_call(const Tests &tests, const uint8_t *test) {
    uint32_t count = tests.header->parameter_count;
    uint64_t of_each = sizeof(void *) + sizeof(uint64_t) + sizeof(musl_array), returned = (tests.header->return_size + 31) / 16 * 16;
    char *block = static_cast<char *>(calloc(1, returned + of_each * count));
    Call call;
    call.returned = block;
    call.arguments = reinterpret_cast<void **>(block + returned);
    call.bytes = reinterpret_cast<uint64_t *>(call.arguments + count);
    call.arrays = reinterpret_cast<musl_array *>(call.bytes + count);
    call.array_count = 0;
    for (uint32_t i = 0; i < count; ++i) {
        uint64_t elements = load_u64(test);
        test += sizeof elements;
        if (elements == MUSL_NULL) continue;
        call.bytes[i] = elements * tests.parameters[i].element_size;
        call.arguments[i] = make_argument(tests, i, test, call.bytes[i]);
        test += call.bytes[i];
        if (tests.parameters[i].kind != MUSL_SCALAR)
            call.arrays[call.array_count++] = {call.arguments[i], call.bytes[i], tests.parameters[i].element_size, i};
    }
    return call;
}

void save_results(const Tests &tests, const Call &call, uint8_t *payload) {
    memcpy(payload, call.returned, tests.header->return_size);
    payload += tests.header->return_size;
    for (uint32_t i = 0; i < call.array_count; ++i) {
        memcpy(payload, call.arrays[i].data, call.arrays[i].bytes);
        payload += call.arrays[i].bytes;
    }
    if (!(tests.header->flags & MUSL_TRACE)) return;
    for (uint32_t i = 0; i < tests.header->parameter_count; ++i, payload += sizeof(musl_touched)) {
        musl_touched touched = {0, 0, 0, 0};
        if (musl_trace_touched && tests.parameters[i].kind == MUSL_ARRAY) musl_trace_touched(i, &touched);
        memcpy(payload, &touched, sizeof touched);
    }
}

// The function under test, and where there are coverage counters what writes them.
struct Unit {
    void (*call)(void **arguments, void *returned);
    void (*dump)();
};

// Runs the constructors of the user's file.
Unit load_unit(const char *path) {
    Unit unit = {musl_call, nullptr};
    if (!path) return unit;
    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "the unit cannot be loaded: %s\n", dlerror());
        _exit(126);
    }
    unit.call = reinterpret_cast<void (*)(void **, void *)>(dlsym(handle, "musl_call"));
    unit.dump = reinterpret_cast<void (*)()>(dlsym(handle, "musl_dump"));
    return unit;
}

// The test of this child, for main(): the constructors of the user's file run in between.
struct Task {
    Tests tests;
    const musl_schedule *schedule;
    const uint8_t *test;
    uint32_t index;
    Shared shared;
    const char *unit;
    // A random number, not 0, that the parent drew for this child: who finds the shared mapping does not know it, so
    // only the driver's own code can say that the call has returned.
    uint64_t seal;
} task;

} // namespace

extern "C" void musl_unsupported(void) {
    state_of_this_child->failed = MUSL_UNSUPPORTED;
    state_of_this_child->finished = task.seal;
}

namespace {

// The schedules "round up" and "round down" redirect the rounding of a C function: how far can it move the results?
int rounding_of(const char *schedule) {
    if (!strcmp(schedule, "round up")) return FE_UPWARD;
    return strcmp(schedule, "round down") ? FE_TONEAREST : FE_DOWNWARD;
}

// A timer that the call has left behind must run none of its handlers in the driver. Faults stay as they are: the trace
// runtime lives on them.
void block_signals() {
    sigset_t set;
    sigfillset(&set);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (int fault : faults) sigdelset(&set, fault);
    sigprocmask(SIG_SETMASK, &set, nullptr);
}

const char after_another[] = " after another";

// The schedule's name without what it says of the driver.
musl_schedule plain_schedule(const musl_schedule &schedule) {
    musl_schedule plain = schedule;
    if (char *suffix = strstr(plain.name, after_another)) *suffix = 0;
    return plain;
}

// Makes the call; returns when it began and ended.
void make_the_call(const Unit &unit, const Call &call, const musl_schedule &schedule, uint32_t test, uint32_t poison,
                   uint64_t *begin, uint64_t *end) {
    musl_call_info info = {schedule.name, schedule.seed, test, call.array_count, call.arrays, poison};
    if (musl_hook_begin) musl_hook_begin(&info);
    fesetround(rounding_of(schedule.name));
    *begin = now_ns();
    unit.call(call.arguments, call.returned);
    *end = now_ns();
    fesetround(FE_TONEAREST);
}

// The call of the next test (of the first one, after the last): what it leaves behind in variables of the program is there
// when the call of this test comes.
void call_another(const Task &task, const Unit &unit, const musl_schedule &schedule) {
    uint32_t count = task.tests.header->test_count, next = (task.index + 1) % count;
    uint64_t begin, end, launches;
    const uint8_t *test = next == 0 ? task.tests.first : skip_test(task.tests, task.test, &begin);
    Call call = make_call(task.tests, test);
    make_the_call(unit, call, schedule, next, task.tests.header->poison, &begin, &end);
    if (musl_hook_end) musl_hook_end(&launches);
}

[[noreturn]] void run_child(const Task &task) {
    Unit unit = load_unit(task.unit);
    const Tests &tests = task.tests;
    const Shared &shared = task.shared;
    musl_schedule schedule = plain_schedule(*task.schedule);
    if (strstr(task.schedule->name, after_another)) call_another(task, unit, schedule);
    Call call = make_call(tests, task.test);
    uint64_t begin, end, launches = 0;
    make_the_call(unit, call, schedule, task.index, tests.header->poison, &begin, &end);
    block_signals();
    shared.state->remarks = musl_hook_end ? musl_hook_end(&launches) : 0;
    shared.state->wall_ns = end - begin;
    shared.state->launches = launches;
    save_results(tests, call, shared.payload);
    if (unit.dump) unit.dump();
    shared.state->finished = task.seal;
    _exit(0);
}

} // namespace
