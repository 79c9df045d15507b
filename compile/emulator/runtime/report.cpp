// How the emulator says what went wrong: one line on stderr, the kernel, block, thread and source line first.
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "fiber.h"
#include "internal.h"
#include "musl_driver.h"

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

const char *base_name(const char *path) {
    const char *name = strrchr(path, '/');
    return name ? name + 1 : path;
}

bool is_of_the_emulator(const char *path) {
    return strstr(path, "/emulator/include/") || strstr(path, "/emulator/runtime/") || !strncmp(path, "<null>", 6) ||
           strchr(path, '?');
}

// The place of a return address as "f.cu:12", in the code under test: what is inlined there from the emulator's headers is
// passed over. False where it lies in none.
bool find_line(char *text, size_t size, uintptr_t pc) {
    char frames[2048];
    if (!pc || !__sanitizer_symbolize_pc) return false;
    memset(frames, 0, sizeof frames);
    // The innermost first, each ended by a zero. A call's return address may belong to the next line.
    __sanitizer_symbolize_pc(reinterpret_cast<void *>(pc - 1), "%s:%l", frames, sizeof frames - 1);
    for (const char *frame = frames; *frame; frame += strlen(frame) + 1) {
        const char *name = base_name(frame);
        if (is_of_the_emulator(frame) || !strchr(name, ':') || !strcmp(strchr(name, ':'), ":0")) continue;
        snprintf(text, size, "%.100s", name);
        return true;
    }
    return false;
}

int say_thread(char *text, size_t size) {
    if (!in_kernel) return snprintf(text, size, "host code");
    return snprintf(text, size, "kernel %s block (%u,%u,%u) thread (%u,%u,%u)", kernel_name, blockIdx.x, blockIdx.y,
                    blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
}

[[noreturn]] void die_with(const char *kind, const char *line, const char *format, va_list arguments) {
    char what[384], thread[256], text[900];
    vsnprintf(what, sizeof what, format, arguments);
    say_thread(thread, sizeof thread);
    snprintf(text, sizeof text, "%s: %s%s: %s", kind, thread, line, what);
    if (strcmp(kind, fault::unsupported) == 0 && musl_unsupported) musl_unsupported();
    write_and_exit(text);
}

bool describe_global(uintptr_t address, char *text, size_t size, size_t element) {
    if (!__asan_locate_address || in_report) return false;  // during a report it would wait for a lock that the report holds
    char name[64] = "";
    void *region = nullptr;
    size_t bytes = 0;
    const char *kind = __asan_locate_address(reinterpret_cast<void *>(address), name, sizeof name, &region, &bytes);
    if (!kind || strcmp(kind, "global") != 0 || !name[0]) return false;
    say_distance(address, reinterpret_cast<uintptr_t>(region), bytes, name, text, size, element);
    return true;
}

bool describe_stack(uintptr_t address, char *text, size_t size) {
    if (in_fiber_stack(reinterpret_cast<void *>(address)))
        snprintf(text, size, "outside a local variable");
    else if (on_host_stack(address))
        snprintf(text, size, in_kernel ? "on the host's stack" : "outside a local variable");
    else
        return false;
    return true;
}

// What kind of fault an access to `address` is, and where that lies.
const char *judge_access(uintptr_t address, size_t bytes, char *what, size_t size) {
    if (describe(address, what, size, bytes)) {
        // The device's memory lies far from the host's: a kernel that comes near an array of the host was given its address.
        if (in_kernel && strstr(what, " host ")) return fault::host_memory;
        if (strncmp(what, "at offset", 9) != 0) return fault::out_of_bounds;
        if (strstr(what, "a freed device array")) return fault::use_after_free;
        return in_kernel ? fault::host_memory : fault::device_memory;
    }
    if (describe_shared(address, what, size, bytes)) return fault::out_of_bounds;
    if (in_fiber_guard(reinterpret_cast<void *>(address))) {
        snprintf(what, size, "out of bounds of the thread's stack of %zu bytes", fiber_stack_bytes);
        return fault::stack_overflow;
    }
    if (describe_stack(address, what, size)) return in_kernel && on_host_stack(address) ? fault::host_memory : fault::out_of_bounds;
    if (address < 4096) {
        snprintf(what, size, "through a null pointer (address 0x%zx), out of bounds of every array", size_t(address));
        return fault::null_pointer;
    }
    if (!describe_global(address, what, size, bytes))
        snprintf(what, size, "at address 0x%zx, which is no memory of this program", size_t(address));
    return fault::out_of_bounds;
}

}  // namespace

void say_line(char *text, size_t size, uintptr_t pc) {
    char line[128];
    bool known = find_line(line, sizeof line, pc);
    snprintf(text, size, "%s%s", known ? " at " : "", known ? line : "");
}

void say_place(char *text, size_t size, uintptr_t pc) {
    int used = say_thread(text, size);
    say_line(text + used, size - size_t(used), pc);
}

// Follows the frame pointers, which the runtime and the code under test keep.
Trail trail_to_here() {
    Trail trail = {};
    auto *frame = static_cast<const uintptr_t *>(__builtin_frame_address(0));
    for (uintptr_t &pc : trail.pc) {
        if (!frame) break;
        pc = frame[1];
        auto *next = reinterpret_cast<const uintptr_t *>(frame[0]);
        bool plausible = next > frame && next - frame < (1 << 16) && reinterpret_cast<uintptr_t>(next) % sizeof(void *) == 0;
        bool readable = in_fiber_stack(next + 1) || on_host_stack(reinterpret_cast<uintptr_t>(next + 2));
        frame = plausible && readable ? next : nullptr;
    }
    return trail;
}

uintptr_t users_pc(const Trail &trail) {
    char line[128];
    for (uintptr_t pc : trail.pc)
        if (find_line(line, sizeof line, pc)) return pc;
    return 0;
}

void write_and_exit(const char *text) {
    if (!in_report) hold_fault();  // what AddressSanitizer reports cannot wait: it holds its lock
    char line[1024];
    int used = snprintf(line, sizeof line, "%s\n", text);
    if (write(2, line, size_t(used) < sizeof line ? size_t(used) : sizeof line - 1) < 0) _exit(exit_status + 1);
    _exit(exit_status);
}

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    die_with(fault::other, "", format, arguments);
}

void die_of(const char *kind, int line, const char *format, ...) {
    char place[160] = "";
    if (line > 0 && launch_file[0]) snprintf(place, sizeof place, " at %s:%d", base_name(launch_file), line);
    va_list arguments;
    va_start(arguments, format);
    die_with(kind, place, format, arguments);
}

void die_at(const char *kind, uintptr_t pc, const char *format, ...) {
    char place[160];
    say_line(place, sizeof place, pc);
    va_list arguments;
    va_start(arguments, format);
    die_with(kind, place, format, arguments);
}

void report_access(uintptr_t pc, uintptr_t address, size_t bytes, bool write, const char *instead) {
    char place[256], what[256] = "", text[900], access[64];
    say_place(place, sizeof place, pc);
    int used = snprintf(access, sizeof access, "%s%s%s", instead ? instead : "", instead ? ": " : "", write ? "store" : "load");
    if (bytes) snprintf(access + used, sizeof access - size_t(used), " of %zu bytes", bytes);
    const char *kind = judge_access(address, instead ? 0 : bytes, what, sizeof what);
    snprintf(text, sizeof text, "%s: %s: %s %s", kind, place, access, what);
    write_and_exit(text);
}

// Threads of one block that meet at different lines could have waited for each other between them.
void report_race(uintptr_t pc, uintptr_t other_pc, const char *what, size_t bytes, bool store, bool other_store,
                 uint64_t other_block, int other_thread) {
    char place[256], other[256], line[128], other_line[128], text[900];
    say_place(place, sizeof place, pc);
    say_line(line, sizeof line, pc);
    say_line(other_line, sizeof other_line, other_pc);
    unsigned x = unsigned(other_block % gridDim.x), y = unsigned(other_block / gridDim.x % gridDim.y);
    unsigned z = unsigned(other_block / gridDim.x / gridDim.y), u = unsigned(other_thread) % blockDim.x;
    unsigned v = unsigned(other_thread) / blockDim.x % blockDim.y, w = unsigned(other_thread) / blockDim.x / blockDim.y;
    snprintf(other, sizeof other, "block (%u,%u,%u) thread (%u,%u,%u)", x, y, z, u, v, w);
    bool same_block = x == blockIdx.x && y == blockIdx.y && z == blockIdx.z;
    snprintf(text, sizeof text, "%s: %s: %s of %zu bytes %s, which %s %s%s with no barrier between",
             same_block && strcmp(line, other_line) != 0 ? fault::missing_barrier : fault::race, place,
             store ? "store" : "load", bytes, what, other, other_store ? "stores" : "loads", other_line);
    write_and_exit(text);
}

namespace {

void on_signal(int number, siginfo_t *info, void *context) {
    uintptr_t pc = 0, top = 0;  // of the stack
    bool write = false;
#if defined(__x86_64__)
    const mcontext_t &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
    pc = uintptr_t(machine.gregs[REG_RIP]) + 1;
    top = uintptr_t(machine.gregs[REG_RSP]);
    write = machine.gregs[REG_ERR] & 2;  // of the page fault
#elif defined(__aarch64__)
    pc = uintptr_t(static_cast<ucontext_t *>(context)->uc_mcontext.pc) + 1;
    top = uintptr_t(static_cast<ucontext_t *>(context)->uc_mcontext.sp);
#endif
    uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
    if (number == SIGFPE) die_at(fault::division, pc, "integer division by zero, or of the least integer by -1");
    if (number == SIGSEGV && info->si_code == SI_KERNEL)
        die_at(fault::out_of_bounds, pc, "access through a pointer that is no address");
    constexpr uintptr_t near = 64 << 10;
    if (number == SIGSEGV && !in_kernel && address + near > top && address < top + near)
        die_at(fault::stack_overflow, pc, "out of bounds of the host's stack");
    if (number == SIGSEGV) report_access(pc, address, 0, write);
    die_at(fault::other, pc, number == SIGILL ? "illegal instruction (a point that the program cannot reach)" : "bus error");
}

}  // namespace

void catch_signals() {
    constexpr size_t bytes = 64 << 10;
    static __thread bool has_stack;  // the thread's own may have overflowed
    stack_t alternate = {};
    alternate.ss_size = bytes;
    if (!has_stack)
        alternate.ss_sp = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!has_stack && alternate.ss_sp != MAP_FAILED) has_stack = sigaltstack(&alternate, nullptr) == 0;
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

// The only check of UndefinedBehaviorSanitizer that is on (ubsan_handlers.h of compiler-rt).
struct TypeDescriptor {
    uint16_t kind, info;
    char name[1];
};
struct TypeMismatch {
    const char *file;
    uint32_t line, column;
    const TypeDescriptor *type;
    unsigned char log_alignment, kind_of_check;
};
void __ubsan_handle_type_mismatch_v1_abort(const TypeMismatch *data, uintptr_t address) {
    uintptr_t pc = uintptr_t(__builtin_return_address(0));
    size_t alignment = size_t(1) << data->log_alignment;
    if (address < 4096 && address % alignment == 0) report_access(pc, address, 0, false);
    char what[256];
    if (!describe(address, what, sizeof what, 0) && !describe_shared(address, what, sizeof what, 0))
        snprintf(what, sizeof what, "at address 0x...%03zx", size_t(address & 0xfff));
    die_at(fault::misaligned, pc, "%s, whose address must be a multiple of %zu, %s", data->type->name, alignment, what);
}

// Called before what does not return: forgets what is poisoned on the stack, which it takes to be the thread's own. In a
// kernel, on a fiber, nothing goes on after such a call.
void __asan_handle_no_return(void) {
    static void (*const original)() = reinterpret_cast<void (*)()>(dlsym(RTLD_NEXT, "__asan_handle_no_return"));
    if (!in_kernel && original) original();
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
    launch_file = file;
    die_of(fault::assertion, int(line), "assertion `%s` failed", expression);
}

}  // extern "C"
#pragma GCC visibility pop
