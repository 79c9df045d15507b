// main() of an executable under test: see musl_driver.h for the protocol and what it guards against.
//
// Built without the C++ library, exceptions and sanitizers, so that one object file links into C, C++, sanitized and emulated
// executables alike. The parent stays single-threaded and never runs code under test.
#include "musl_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern "C" {
void __gcov_dump(void) __attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *memory) __attribute__((weak));
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *)) __attribute__((weak));
void __sanitizer_symbolize_pc(void *pc, const char *format, char *text, size_t capacity) __attribute__((weak));

// Options of the sanitizers, where the executable is linked with them. Leaks are not errors of the function under test, and the
// byte that fills fresh memory differs from that of the plain build, so that a read of it changes the result.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:handle_abort=1:allocator_may_return_null=0:max_malloc_fill_size=67108864:"
           "detect_stack_use_after_return=0:print_legend=0:print_full_thread_history=0:print_cmdline=0:color=never";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "print_stacktrace=0:halt_on_error=1:color=never"; }
}

namespace {

// What the child tells the parent, in front of the payload of the shared mapping.
struct ChildState {
    volatile uint32_t finished; // the call returned and the payload is whole
    volatile uint32_t failed;   // a musl_result.status other than MUSL_OK that the child itself found
    volatile int32_t code;
    uint64_t wall_ns;
    uint64_t launches;
};
constexpr uint64_t kPayloadOffset = 64;
constexpr uint64_t kSanitizerReserve = 1ull << 30; // redzones, quarantine and shadow of the allocations
static_assert(sizeof(ChildState) <= kPayloadOffset, "the payload begins after the state");

struct Tests {
    const musl_header *header;
    const sock_filter *filter;
    const musl_parameter *parameters;
    const uint8_t *first;
    const uint8_t *end;
};

struct Shared {
    ChildState *state;
    uint8_t *payload;
    uint64_t capacity;
};

[[noreturn]] void die(const char *what) {
    perror(what);
    _exit(120);
}

uint64_t now_ns() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

uint64_t min_of(uint64_t a, uint64_t b) { return a < b ? a : b; }

uint64_t load_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

void write_all(int descriptor, const void *data, uint64_t size) {
    const char *at = static_cast<const char *>(data);
    while (size > 0) {
        ssize_t done = write(descriptor, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) die("driver: writing results");
        at += done;
        size -= static_cast<uint64_t>(done);
    }
}

// ---------------------------------------------------------------------------------------------------------- the tests

Tests map_tests(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) die("driver: tests");
    auto size = static_cast<size_t>(status.st_size);
    void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (memory == MAP_FAILED) die("driver: mapping tests");
    auto *bytes = static_cast<const uint8_t *>(memory);
    Tests tests;
    tests.header = reinterpret_cast<const musl_header *>(bytes);
    tests.filter = reinterpret_cast<const sock_filter *>(tests.header + 1);
    tests.parameters = reinterpret_cast<const musl_parameter *>(tests.filter + tests.header->filter_count);
    tests.first = reinterpret_cast<const uint8_t *>(tests.parameters + tests.header->parameter_count);
    tests.end = bytes + size;
    if (size < sizeof(musl_header) || tests.header->magic != MUSL_MAGIC) {
        errno = EPROTO;
        die("driver: not a test file");
    }
    return tests;
}

// The test after the one at `test`; adds up the bytes of its payload.
const uint8_t *skip_test(const Tests &tests, const uint8_t *test, uint64_t *payload_bytes) {
    *payload_bytes = tests.header->return_size + sizeof(musl_touched) * tests.header->parameter_count;
    for (uint32_t i = 0; i < tests.header->parameter_count; ++i) {
        uint64_t count = load_u64(test);
        test += sizeof count;
        if (count == MUSL_NULL) continue;
        uint64_t bytes = count * tests.parameters[i].element_size;
        *payload_bytes += bytes;
        test += bytes;
    }
    return test;
}

Shared map_shared(const Tests &tests) {
    uint64_t largest = 0;
    const uint8_t *test = tests.first;
    for (uint32_t i = 0; i < tests.header->test_count; ++i) {
        uint64_t bytes;
        test = skip_test(tests, test, &bytes);
        if (bytes > largest) largest = bytes;
    }
    if (test != tests.end) {
        errno = EPROTO;
        die("driver: test file of another length");
    }
    uint64_t capacity = kPayloadOffset + largest;
    void *memory = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) die("driver: shared mapping");
    return {static_cast<ChildState *>(memory), static_cast<uint8_t *>(memory) + kPayloadOffset, capacity};
}

// ---------------------------------------------------------------------------------------------------------- the child

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
    uint64_t size = memory ? __sanitizer_get_allocated_size(memory) : 0;
    allocated -= size < allocated ? size : allocated;
}

// RLIMIT_DATA counts private writable memory, a sanitizer's shadow included: so the limit stands above what is held already.
void limit_memory(uint64_t bytes) {
    if (bytes == 0) return;
    if (__sanitizer_install_malloc_and_free_hooks && __sanitizer_get_allocated_size) {
        may_allocate = bytes;
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
        bytes = 2 * bytes + kSanitizerReserve;
    }
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long long size, resident, shared, text, library, data;
    if (!file || fscanf(file, "%llu %llu %llu %llu %llu %llu", &size, &resident, &shared, &text, &library, &data) != 6)
        die("driver: /proc/self/statm");
    fclose(file);
    rlim_t limit = data * static_cast<unsigned long long>(sysconf(_SC_PAGESIZE)) + bytes;
    rlimit limits = {limit, limit};
    setrlimit(RLIMIT_DATA, &limits);
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

void refuse_system_calls(const Tests &tests) {
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
    sock_fprog program = {static_cast<unsigned short>(tests.header->filter_count), const_cast<sock_filter *>(tests.filter)};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &own) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        state_of_this_child->failed = MUSL_MACHINE;
        state_of_this_child->code = errno;
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

Call make_call(const Tests &tests, const uint8_t *test) {
    uint32_t count = tests.header->parameter_count;
    Call call = {static_cast<void **>(calloc(count + 1, sizeof(void *))), static_cast<uint64_t *>(calloc(count + 1, 8)),
                 static_cast<musl_array *>(calloc(count + 1, sizeof(musl_array))), 0, calloc(1, tests.header->return_size + 16)};
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

// The test of this child, for main(): the constructors of the user's file run in between.
struct Task {
    Tests tests;
    const uint8_t *test;
    uint32_t index;
    Shared shared;
} task;

[[noreturn]] void run_child(const Tests &tests, const uint8_t *test, uint32_t index, const Shared &shared) {
    const musl_header &header = *tests.header;
    Call call = make_call(tests, test);
    musl_call_info info = {header.schedule, header.seed, index, call.array_count, call.arrays, header.poison};
    if (musl_hook_begin) musl_hook_begin(&info);
    uint64_t begin = now_ns();
    musl_call(call.arguments, call.returned);
    uint64_t end = now_ns();
    uint64_t launches = 0;
    bool in_error = musl_hook_end && musl_hook_end(&launches) != 0;
    shared.state->wall_ns = end - begin;
    shared.state->launches = launches;
    if (in_error) {
        shared.state->failed = MUSL_HOOK;
        _exit(125);
    }
    save_results(tests, call, shared.payload);
    if (__gcov_dump) __gcov_dump();
    shared.state->finished = 1;
    _exit(0);
}

// --------------------------------------------------------------------------------------------------------- the parent

struct Capture {
    char *text;
    uint32_t size;
    uint32_t capacity;
};

// Reads what is there now; keeps the beginning, throws the rest away. False at the end of the stream.
bool drain(int descriptor, Capture *capture) {
    static char waste[65536];
    for (int reads = 0; reads < 64; ++reads) {
        ssize_t got = read(descriptor, waste, sizeof waste);
        if (got == 0) return false;
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        uint32_t keep = capture->capacity - capture->size;
        if (keep > static_cast<uint32_t>(got)) keep = static_cast<uint32_t>(got);
        memcpy(capture->text + capture->size, waste, keep);
        capture->size += keep;
    }
    return true;
}

struct Ending {
    bool timed_out;
    int status; // of wait4
    rusage usage;
};

uint64_t cpu_time_ns(pid_t process) {
    clockid_t clock;
    timespec t;
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
    return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

// Waits until the child ends, has used `test_ns` of processor time, or `deadline` (wall time) has come.
Ending await_child(pid_t child, int stderr_descriptor, int signals, uint64_t test_ns, uint64_t deadline, Capture *capture) {
    uint64_t check = now_ns() + test_ns;
    Ending ending;
    memset(&ending, 0, sizeof ending);
    bool open = true;
    for (;;) {
        if (wait4(child, &ending.status, WNOHANG, &ending.usage) == child) break;
        uint64_t now = now_ns();
        uint64_t used = now >= check ? cpu_time_ns(child) : 0;
        check = now >= check ? now + test_ns - min_of(used, test_ns) + 1000000 : check;
        if (now >= deadline || used >= test_ns) {
            ending.timed_out = true;
            kill(child, SIGKILL);
            wait4(child, &ending.status, 0, &ending.usage);
            break;
        }
        pollfd watched[2] = {{signals, POLLIN, 0}, {open ? stderr_descriptor : -1, POLLIN, 0}};
        poll(watched, 2, static_cast<int>((min_of(check, deadline) - now) / 1000000u) + 1);
        signalfd_siginfo consumed;
        if (watched[0].revents) while (read(signals, &consumed, sizeof consumed) > 0) {}
        if (watched[1].revents) open = drain(stderr_descriptor, capture);
    }
    if (open) drain(stderr_descriptor, capture);
    return ending;
}

bool used_up_memory(const Tests &tests, const Ending &ending) {
    uint64_t limit = tests.header->memory_bytes;
    uint64_t resident = static_cast<uint64_t>(ending.usage.ru_maxrss) * 1024;
    bool killed = WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGKILL; // by the kernel's OOM killer
    return killed || (limit > 0 && resident >= limit - limit / 8);
}

musl_result judge(const Tests &tests, const ChildState &state, const Ending &ending, uint64_t wall_ns) {
    musl_result result = {MUSL_OK, 0, wall_ns, state.launches, 0, 0};
    if (ending.timed_out) {
        result.status = MUSL_TIMEOUT;
    } else if (state.failed != MUSL_OK) {
        result.status = state.failed;
        result.code = state.code;
    } else if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0 && state.finished == 1) {
        result.wall_ns = state.wall_ns;
    } else if (used_up_memory(tests, ending)) {
        result.status = MUSL_MEMORY;
    } else if (WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGSYS) {
        result.status = MUSL_FORBIDDEN; // where all signals are blocked (system(), pthread_create()), no handler runs
        result.code = -1;
    } else if (WIFSIGNALED(ending.status)) {
        result.status = MUSL_SIGNAL;
        result.code = WTERMSIG(ending.status);
    } else {
        result.status = MUSL_EXIT;
        result.code = WEXITSTATUS(ending.status);
    }
    return result;
}

struct Descriptors {
    int tests;
    int results;
    int signals;
};

// Returns in the parent with true and the result, and in the child with false.
bool run_test(const Tests &tests, const uint8_t *test, uint32_t index, const Shared &shared, const Descriptors &fds,
              uint64_t deadline, Capture *capture, musl_result *result) {
    memset(static_cast<void *>(shared.state), 0, sizeof *shared.state);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) die("driver: pipe");
    uint64_t begin = now_ns();
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        enter_child(tests, ends[1], fds.tests, fds.results, fds.signals);
        state_of_this_child = shared.state;
        limit_memory(tests.header->memory_bytes);
        refuse_system_calls(tests);
        task = {tests, test, index, shared};
        return false;
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        *result = {MUSL_MACHINE, errno, 0, 0, 0, 0};
        return true;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    Ending ending = await_child(child, ends[0], fds.signals, tests.header->test_ns, deadline, capture);
    close(ends[0]);
    *result = judge(tests, *shared.state, ending, now_ns() - begin);
    return true;
}

uint64_t payload_size(const Tests &tests, const uint8_t *test) {
    uint64_t bytes = tests.header->return_size;
    for (uint32_t i = 0; i < tests.header->parameter_count; ++i) {
        uint64_t count = load_u64(test);
        test += sizeof count;
        if (count == MUSL_NULL) continue;
        uint64_t size = count * tests.parameters[i].element_size;
        if (tests.parameters[i].kind != MUSL_SCALAR) bytes += size;
        test += size;
    }
    if (tests.header->flags & MUSL_TRACE) bytes += sizeof(musl_touched) * tests.header->parameter_count;
    return bytes;
}

void report(const Tests &tests, const uint8_t *test, musl_result result, const Shared &shared, const Capture &capture,
            int results_fd) {
    result.stderr_size = capture.size;
    write_all(results_fd, &result, sizeof result);
    write_all(results_fd, capture.text, capture.size);
    if (result.status == MUSL_OK) write_all(results_fd, shared.payload, payload_size(tests, test));
}

// The sanitizer takes 10 to 100 ms to read the debug information for its first report. Once one test has failed, more are likely
// to: read it here, so that the children after this inherit it.
void prepare_reports(const musl_result &result) {
    static bool ready = false;
    if (ready || result.status != MUSL_EXIT || !__sanitizer_symbolize_pc) return;
    char text[256];
    __sanitizer_symbolize_pc(reinterpret_cast<void *>(&musl_call), "%f %s:%l", text, sizeof text);
    ready = true;
}

int watch_children() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor < 0) die("driver: signalfd");
    return descriptor;
}

// Runs every test and never returns in the parent. In a child it returns, to main().
void serve(int argc, char **argv, char **) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s tests_fd results_fd\n", argv[0]);
        _exit(2);
    }
    // A process that is not dumpable cannot be traced, nor its memory or descriptors opened through /proc, by its own user.
    prctl(PR_SET_DUMPABLE, 0);
    Descriptors fds = {atoi(argv[1]), atoi(argv[2]), watch_children()};
    Tests tests = map_tests(fds.tests);
    Shared shared = map_shared(tests);
    uint32_t kept = tests.header->stderr_bytes;
    Capture capture = {static_cast<char *>(malloc(kept + 1)), 0, kept};
    uint64_t total_deadline = now_ns() + tests.header->total_ns;
    const uint8_t *test = tests.first;
    for (uint32_t i = 0; i < tests.header->test_count; ++i) {
        capture.size = 0;
        uint64_t now = now_ns(), unused;
        uint64_t deadline = min_of(now + MUSL_PATIENCE * tests.header->test_ns, total_deadline);
        musl_result result = {MUSL_TIMEOUT, 1, 0, 0, 0, 0};
        if (now < total_deadline && !run_test(tests, test, i, shared, fds, deadline, &capture, &result)) return;
        report(tests, test, result, shared, capture, fds.results);
        prepare_reports(result);
        test = skip_test(tests, test, &unused);
    }
    _exit(0);
}

// Before the constructors of the user's file: so that those too run in the children only.
__attribute__((section(".preinit_array"), used)) void (*const serve_first)(int, char **, char **) = serve;

} // namespace

int main() { run_child(task.tests, task.test, task.index, task.shared); }
