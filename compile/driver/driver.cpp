// main() of an executable under test: see musl_driver.h for the protocol and what it guards against.
//
// Built without the C++ library, exceptions and sanitizers, so that one object file links into C, C++, sanitized and
// emulated executables alike. The parent stays single-threaded and never runs code under test.
#include "child.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

extern "C" {
// Options of the sanitizers, where the executable is linked with them. Leaks are not errors of the function under test,
// and the byte that fills fresh memory differs from that of the plain build, so that a read of it changes the result.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:handle_abort=1:allocator_may_return_null=0:max_malloc_fill_size=67108864:"
           "detect_stack_use_after_return=0:print_legend=0:print_full_thread_history=0:print_cmdline=0:malloc_context_size=0:color=never";
}
const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void) { return "print_stacktrace=0:halt_on_error=1:color=never"; }
}

namespace {

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

// Of what a child writes the beginning and the end are kept: a runtime says last what was wrong.
struct Capture {
    char *text;
    uint32_t size; // of the beginning, up to `head` bytes
    uint32_t head;
    uint32_t tail; // bytes of `text` behind the beginning, filled in turn with what comes after it
    uint64_t after;
};

Capture make_capture(uint32_t capacity) {
    return {static_cast<char *>(malloc(capacity + 1)), 0, capacity - capacity / 4, capacity / 4, 0};
}

void keep(Capture *capture, const char *data, uint32_t size) {
    uint32_t first = static_cast<uint32_t>(min_of(capture->head - capture->size, size));
    memcpy(capture->text + capture->size, data, first);
    capture->size += first;
    uint32_t skipped = size - first > capture->tail ? size - first - capture->tail : 0;
    capture->after += skipped;
    for (uint32_t i = first + skipped; i < size; ++i)
        capture->text[capture->head + capture->after++ % capture->tail] = data[i];
}

uint32_t size_of(const Capture &capture) { return capture.size + static_cast<uint32_t>(min_of(capture.after, capture.tail)); }

void write_capture(int descriptor, const Capture &capture) {
    uint32_t kept = size_of(capture) - capture.size;
    bool cut = capture.after > capture.tail;
    if (cut) capture.text[capture.size - 1] = '\n';
    write_all(descriptor, capture.text, capture.size);
    uint32_t oldest = cut ? static_cast<uint32_t>(capture.after % capture.tail) : 0;
    write_all(descriptor, capture.text + capture.head + oldest, kept - oldest);
    write_all(descriptor, capture.text + capture.head, oldest);
}

// Reads what is there now. False at the end of the stream.
bool drain(int descriptor, Capture *capture) {
    static char data[65536];
    for (int reads = 0; reads < 64; ++reads) {
        ssize_t got = read(descriptor, data, sizeof data);
        if (got == 0) return false;
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        keep(capture, data, static_cast<uint32_t>(got));
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
Ending await_child(pid_t child, int stderr_descriptor, int signals, uint64_t test_ns, uint64_t deadline,
                   Capture *capture) {
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

// What a child may say of itself without the seal: no more than what costs it the test, never that the machine failed.
bool is_confession(uint32_t failed) { return failed == MUSL_MEMORY || failed == MUSL_FORBIDDEN; }

musl_result judge(const Task &task, const Ending &ending, uint64_t wall_ns) {
    const Tests &tests = task.tests;
    const ChildState &state = *task.shared.state;
    bool sealed = state.finished == task.seal;
    musl_result result = {MUSL_OK, 0, wall_ns, state.launches, 0, 0};
    if (ending.timed_out) {
        result.status = MUSL_TIMEOUT;
    } else if (is_confession(state.failed) || (sealed && (state.failed == MUSL_MACHINE || state.failed == MUSL_UNSUPPORTED))) {
        result.status = state.failed;
        result.code = state.code;
    } else if (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0 && sealed && state.failed == MUSL_OK) {
        result.wall_ns = state.wall_ns;
        result.remarks = state.remarks;
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

// A child finds nothing of what the one before it has left.
void clear(const Shared &shared) {
    if (madvise(shared.state, shared.capacity, MADV_REMOVE) != 0) memset(static_cast<void *>(shared.state), 0, shared.capacity);
}

struct Descriptors {
    int tests;
    int results;
    int signals;
};

uint64_t draw_seal() {
    uint64_t seal = 0;
    while (seal == 0)
        if (getrandom(&seal, sizeof seal, 0) != sizeof seal) die("driver: getrandom");
    return seal;
}

// Returns in the parent with true and the result, and in the child with false.
bool run_test(Task next, const Descriptors &fds, uint64_t deadline, Capture *capture, musl_result *result) {
    const Tests &tests = next.tests;
    const Shared &shared = next.shared;
    clear(shared);
    next.seal = draw_seal();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) die("driver: pipe");
    uint64_t begin = now_ns();
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        enter_child(tests, ends[1], fds.tests, fds.results, fds.signals);
        state_of_this_child = shared.state;
        if (tests.header->workers > 1 && next.schedule->unit == 0 && musl_hook_workers) musl_hook_workers(tests.header->workers);
        limit_memory(tests.header->memory_bytes);
        refuse_system_calls(tests, next.seal);
        task = next;
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
    *result = judge(next, ending, now_ns() - begin);
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
    result.stderr_size = size_of(capture);
    write_all(results_fd, &result, sizeof result);
    write_capture(results_fd, capture);
    if (result.status == MUSL_OK) write_all(results_fd, shared.payload, payload_size(tests, test));
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

// Runs every test in one schedule. Returns false in a child; `*timed_out` says in the parent whether a test was MUSL_TIMEOUT.
bool run_schedule(Task next, const Descriptors &fds, Capture *capture, bool *timed_out) {
    const musl_header &header = *next.tests.header;
    uint64_t total_deadline = now_ns() + header.total_ns, unused;
    uint32_t hangs = 0, most_hangs = next.schedule == next.tests.schedules ? header.hangs : 0;
    next.test = next.tests.first;
    for (next.index = 0; next.index < next.schedule->test_count; ++next.index) {
        capture->size = 0;
        capture->after = 0;
        uint64_t now = now_ns();
        uint64_t deadline = min_of(now + MUSL_PATIENCE * header.test_ns, total_deadline);
        bool enough = most_hangs && hangs >= most_hangs;
        musl_result result = {MUSL_TIMEOUT, enough ? 2 : 1, 0, 0, 0, 0};
        if (!enough && now < total_deadline && !run_test(next, fds, deadline, capture, &result)) return false;
        report(next.tests, next.test, result, next.shared, *capture, fds.results);
        hangs += result.status == MUSL_TIMEOUT;
        *timed_out |= hangs > 0;
        next.test = skip_test(next.tests, next.test, &unused);
    }
    return true;
}

// Runs every test in every schedule and never returns in the parent. In a child it returns, to main().
void serve(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s tests_fd results_fd [unit...]\n", argv[0]);
        _exit(2);
    }
    // A process that is not dumpable cannot be traced, nor its memory or descriptors be opened through /proc.
    prctl(PR_SET_DUMPABLE, 0);
    Descriptors fds = {atoi(argv[1]), atoi(argv[2]), watch_children()};
    Tests tests = map_tests(fds.tests);
    Shared shared = map_shared(tests);
    Capture capture = make_capture(tests.header->stderr_bytes);
    bool timed_out = false;
    for (uint32_t i = 0; i < tests.header->schedule_count && !timed_out; ++i) {
        const musl_schedule *schedule = tests.schedules + i;
        const char *unit = argc > 3 ? argv[min_of(3 + schedule->unit, static_cast<uint64_t>(argc) - 1)] : nullptr;
        if (!run_schedule({tests, schedule, nullptr, 0, shared, unit}, fds, &capture, &timed_out)) return;
    }
    _exit(0);
}

// Where the function under test is part of the executable: before the constructors of the user's file, so that those too
// run in the children only.
void serve_first(int argc, char **argv, char **) {
    if (musl_call) serve(argc, argv);
}
__attribute__((section(".preinit_array"), used)) void (*const at_first)(int, char **, char **) = serve_first;

} // namespace

int main(int argc, char **argv) {
    if (!musl_call) serve(argc, argv); // a unit comes later; the constructors of the libraries need not run in each child
    run_child(task);
}
