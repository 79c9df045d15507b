// How the emulator says what went wrong: one line on stderr, the kernel, block, thread and source line first.
#include <signal.h>
#include <stdarg.h>
#include <ucontext.h>
#include <unistd.h>

#include "fiber.h"
#include "internal.h"

extern "C" {
void __asan_poison_memory_region(const volatile void *address, size_t bytes) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *address, size_t bytes) __attribute__((weak));
void *__asan_region_is_poisoned(void *begin, size_t bytes) __attribute__((weak));
void *__asan_get_report_address(void) __attribute__((weak));
void *__asan_get_report_pc(void) __attribute__((weak));
int __asan_get_report_access_type(void) __attribute__((weak));
size_t __asan_get_report_access_size(void) __attribute__((weak));
const char *__asan_get_report_description(void) __attribute__((weak));
const char *__asan_locate_address(void *address, char *name, size_t name_size, void **region, size_t *region_size)
    __attribute__((weak));
void __sanitizer_symbolize_pc(void *pc, const char *format, char *out, size_t size) __attribute__((weak));
}

namespace musl {

void poison(const void *pointer, size_t bytes) {
    if (__asan_poison_memory_region && bytes) __asan_poison_memory_region(pointer, bytes);
}
void unpoison(const void *pointer, size_t bytes) {
    if (__asan_unpoison_memory_region && bytes) __asan_unpoison_memory_region(pointer, bytes);
}
const void *first_poisoned(const void *pointer, size_t bytes) {
    return __asan_region_is_poisoned ? __asan_region_is_poisoned(const_cast<void *>(pointer), bytes) : nullptr;
}

namespace {

constexpr int exit_status = 99;
bool in_report;  // of AddressSanitizer

// " at f.cu:12", or nothing where it is not known.
void say_line(char *text, size_t size, uintptr_t pc) {
    char line[256] = "";
    if (pc && __sanitizer_symbolize_pc)  // a call's return address may belong to the next line
        __sanitizer_symbolize_pc(reinterpret_cast<void *>(pc - 1), "%s:%l", line, sizeof line);
    const char *name = strrchr(line, '/');
    name = name ? name + 1 : line;
    bool known = strchr(name, ':') && !strchr(name, '?') && strncmp(name, "<null>", 6) != 0;
    snprintf(text, size, "%s%s", known ? " at " : "", known ? name : "");
}

void say_place(char *text, size_t size, uintptr_t pc) {
    int used;
    if (in_kernel)
        used = snprintf(text, size, "kernel %s block (%u,%u,%u) thread (%u,%u,%u)", kernel_name, blockIdx.x, blockIdx.y,
                        blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
    else
        used = snprintf(text, size, "host code");
    say_line(text + used, size - size_t(used), pc);
}

bool describe_global(uintptr_t address, char *text, size_t size) {
    if (!__asan_locate_address || in_report) return false;  // during a report it would wait for a lock that the report holds
    char name[64] = "";
    void *region = nullptr;
    size_t bytes = 0;
    const char *kind = __asan_locate_address(reinterpret_cast<void *>(address), name, sizeof name, &region, &bytes);
    if (!kind || strcmp(kind, "global") != 0 || !name[0]) return false;
    say_distance(address, reinterpret_cast<uintptr_t>(region), bytes, name, text, size);
    return true;
}

bool describe_stack(uintptr_t address, char *text, size_t size) {
    if (in_fiber_guard(reinterpret_cast<void *>(address)))
        snprintf(text, size, "on a stack that has overflowed");
    else if (in_fiber_stack(reinterpret_cast<void *>(address)))
        snprintf(text, size, "outside a local variable");
    else if (on_host_stack(address))
        snprintf(text, size, in_kernel ? "on the host's stack" : "outside a local variable");
    else
        return false;
    return true;
}

[[noreturn]] void write_and_exit(const char *text) {
    char line[640];
    int used = snprintf(line, sizeof line, "%s\n", text);
    if (write(2, line, size_t(used) < sizeof line ? size_t(used) : sizeof line - 1) < 0) _exit(exit_status + 1);
    _exit(exit_status);
}

}  // namespace

bool describe_shared(uintptr_t address, char *text, size_t size) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(musl_dynamic_shared);
    if (address >= begin && address < begin + max_dynamic_shared) {
        say_distance(address, begin, dynamic_shared_bytes, "dynamic shared memory", text, size);
        return true;
    }
    constexpr size_t near = 64;  // about the redzone that AddressSanitizer puts behind a variable
    for (Shared *variable = shared_variables; variable; variable = variable->next) {
        begin = reinterpret_cast<uintptr_t>(variable->address);
        if (address < begin || address >= begin + variable->bytes + near) continue;
        char name[96];
        snprintf(name, sizeof name, "shared variable %s", variable->name);
        say_distance(address, begin, variable->bytes, name, text, size);
        return true;
    }
    return false;
}

void die(const char *format, ...) {
    char what[256], place[256], text[576];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    say_place(place, sizeof place, 0);
    snprintf(text, sizeof text, "error: %s: %s", place, what);
    write_and_exit(text);
}

void report_access(uintptr_t pc, uintptr_t address, size_t bytes, bool write, const char *instead) {
    char place[256], what[192] = "", text[640], access[64];
    say_place(place, sizeof place, pc);
    int used = snprintf(access, sizeof access, "%s%s%s", instead ? instead : "", instead ? ": " : "", write ? "store" : "load");
    if (bytes) snprintf(access + used, sizeof access - size_t(used), " of %zu bytes", bytes);
    const char *kind = "out of bounds";
    if (describe(address, what, sizeof what)) {
        if (strncmp(what, "at offset", 9) == 0)
            kind = strstr(what, "a freed device array") ? "use after cudaFree"
                   : in_kernel                          ? "host memory used in a kernel"
                                                        : "device memory used by host code";
    } else if (describe_shared(address, what, sizeof what) || describe_stack(address, what, sizeof what)) {
        if (in_kernel && on_host_stack(address)) kind = "host memory used in a kernel";
    } else if (address < 4096) {
        snprintf(what, sizeof what, "through a null pointer (address 0x%zx)", size_t(address));
    } else if (!describe_global(address, what, sizeof what)) {
        snprintf(what, sizeof what, "at address 0x%zx, which is no memory of this program", size_t(address));
    }
    snprintf(text, sizeof text, "%s: %s: %s %s", kind, place, access, what);
    write_and_exit(text);
}

void report_race(uintptr_t pc, uintptr_t other_pc, const char *what, size_t bytes, bool store, bool other_store,
                 uint64_t other_block, int other_thread) {
    char place[256], other[256], line[96] = "", text[640];
    say_place(place, sizeof place, pc);
    say_line(line, sizeof line, other_pc);
    unsigned x = unsigned(other_block % gridDim.x), y = unsigned(other_block / gridDim.x % gridDim.y);
    unsigned z = unsigned(other_block / gridDim.x / gridDim.y), u = unsigned(other_thread) % blockDim.x;
    unsigned v = unsigned(other_thread) / blockDim.x % blockDim.y, w = unsigned(other_thread) / blockDim.x / blockDim.y;
    snprintf(other, sizeof other, "block (%u,%u,%u) thread (%u,%u,%u)", x, y, z, u, v, w);
    snprintf(text, sizeof text, "race: %s: %s of %zu bytes %s, which %s %s%s with no barrier between", place,
             store ? "store" : "load", bytes, what, other, other_store ? "stores" : "loads", line);
    write_and_exit(text);
}

namespace {

[[noreturn]] void die_at(uintptr_t pc, const char *what) {
    char place[256], text[512];
    say_place(place, sizeof place, pc);
    snprintf(text, sizeof text, "error: %s: %s", place, what);
    write_and_exit(text);
}

void on_signal(int number, siginfo_t *info, void *context) {
    uintptr_t pc = 0;
    bool write = false;
#if defined(__x86_64__)
    const mcontext_t &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
    pc = uintptr_t(machine.gregs[REG_RIP]) + 1;
    write = machine.gregs[REG_ERR] & 2;  // of the page fault
#elif defined(__aarch64__)
    pc = uintptr_t(static_cast<ucontext_t *>(context)->uc_mcontext.pc) + 1;
#endif
    if (number == SIGFPE) die_at(pc, "integer division by zero, or of the least integer by -1");
    if (number == SIGSEGV && info->si_code == SI_KERNEL) die_at(pc, "access through a pointer that is no address");
    if (number == SIGSEGV) report_access(pc, reinterpret_cast<uintptr_t>(info->si_addr), 0, write);
    die_at(pc, number == SIGILL ? "illegal instruction (a point that the program cannot reach)" : "bus error");
}

}  // namespace

void catch_signals() {
    static unsigned char stack[64 << 10];  // the thread's own may have overflowed
    stack_t alternate = {};
    alternate.ss_sp = stack;
    alternate.ss_size = sizeof stack;
    sigaltstack(&alternate, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(number, &action, nullptr);
}

}  // namespace musl

using namespace musl;

#pragma GCC visibility push(default)  // called by instrumented programs and by AddressSanitizer
extern "C" {

// Of a whole program; the test driver has its own.
__attribute__((weak)) const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:handle_abort=0:detect_stack_use_after_return=0:color=never";
}

// Checked code calls these where an access is bad. AddressSanitizer has its own, which say less.
#define MUSL_REPORT(size) \
    void __asan_report_load##size(uintptr_t address) { \
        report_access(uintptr_t(__builtin_return_address(0)), address, size, false); \
    } \
    void __asan_report_store##size(uintptr_t address) { \
        report_access(uintptr_t(__builtin_return_address(0)), address, size, true); \
    }
MUSL_REPORT(1)
MUSL_REPORT(2)
MUSL_REPORT(4)
MUSL_REPORT(8)
MUSL_REPORT(16)
#undef MUSL_REPORT
void __asan_report_load_n(uintptr_t address, size_t bytes) {
    report_access(uintptr_t(__builtin_return_address(0)), address, bytes, false);
}
void __asan_report_store_n(uintptr_t address, size_t bytes) {
    report_access(uintptr_t(__builtin_return_address(0)), address, bytes, true);
}

// The only check of UndefinedBehaviorSanitizer that is on; its data begins with the place in the source.
struct PlaceInSource {
    const char *file;
    uint32_t line, column;
};
void __ubsan_handle_type_mismatch_v1_abort(const PlaceInSource *, uintptr_t address) {
    uintptr_t pc = uintptr_t(__builtin_return_address(0));
    if (address < 4096) report_access(pc, address, 0, false);
    char text[96];
    snprintf(text, sizeof text, "misaligned address 0x...%03zx", size_t(address & 0xfff));
    die_at(pc, text);
}

// AddressSanitizer calls this before it prints what it found itself, in memcpy and the like.
void __asan_on_error(void) {
    const char *description = __asan_get_report_description();
    if (!description) return;
    in_report = true;
    bool memory = strstr(description, "overflow") || strstr(description, "poison") || strstr(description, "use-after") ||
                  strstr(description, "underflow");
    if (!memory || strstr(description, "param-overlap")) return;
    report_access(reinterpret_cast<uintptr_t>(__asan_get_report_pc()),
                  reinterpret_cast<uintptr_t>(__asan_get_report_address()), __asan_get_report_access_size(),
                  __asan_get_report_access_type() == 1);
}

// glibc's assert() ends here: the emulator's version says which thread it was.
void __assert_fail(const char *expression, const char *file, unsigned line, const char *) {
    const char *name = strrchr(file, '/');
    die("assertion `%s` failed at %s:%u", expression, name ? name + 1 : file, line);
}

}  // extern "C"
#pragma GCC visibility pop
