// How the emulator says what went wrong: one line on stderr, the kernel, block, thread and source line first.
#include <stdarg.h>
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

void say_place(char *text, size_t size, uintptr_t pc) {
    int used;
    if (in_kernel)
        used = snprintf(text, size, "kernel %s block (%u,%u,%u) thread (%u,%u,%u)", kernel_name, blockIdx.x, blockIdx.y,
                        blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
    else
        used = snprintf(text, size, "host code");
    char line[256] = "";
    if (pc && __sanitizer_symbolize_pc)  // a call's return address may belong to the next line
        __sanitizer_symbolize_pc(reinterpret_cast<void *>(pc - 1), "%s:%l", line, sizeof line);
    const char *name = strrchr(line, '/');
    name = name ? name + 1 : line;
    if (strchr(name, ':') && !strchr(name, '?') && strncmp(name, "<null>", 6) != 0)
        snprintf(text + used, size - size_t(used), " at %s", name);
}

bool describe_global(uintptr_t address, char *text, size_t size) {
    if (!__asan_locate_address) return false;
    char name[64] = "";
    void *region = nullptr;
    size_t bytes = 0;
    const char *kind = __asan_locate_address(reinterpret_cast<void *>(address), name, sizeof name, &region, &bytes);
    if (!kind || strcmp(kind, "heap-invalid") == 0) return false;
    if (strcmp(kind, "stack") == 0) {
        snprintf(text, size, "of the local variable %s", name);
        return name[0] != 0;
    }
    if (strcmp(kind, "global") != 0 || !name[0]) return false;
    uintptr_t begin = reinterpret_cast<uintptr_t>(region);
    if (address < begin)
        snprintf(text, size, "%zu bytes before %s of %zu bytes", size_t(begin - address), name, bytes);
    else
        snprintf(text, size, "%zu bytes past %s of %zu bytes", size_t(address - begin - bytes), name, bytes);
    return true;
}

bool describe_dynamic_shared(uintptr_t address, char *text, size_t size) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(musl_dynamic_shared);
    if (address < begin || address >= begin + max_dynamic_shared) return false;
    snprintf(text, size, "%zu bytes past dynamic shared memory of %zu bytes", size_t(address - begin) - dynamic_shared_bytes,
             dynamic_shared_bytes);
    return true;
}

bool describe_shared(uintptr_t address, char *text, size_t size) {
    constexpr size_t near = 64;  // less than the redzone that AddressSanitizer puts behind a variable, and around small ones
    for (Shared *variable = shared_variables; variable; variable = variable->next) {
        uintptr_t begin = reinterpret_cast<uintptr_t>(variable->address);
        if (address < begin || address >= begin + variable->bytes + near) continue;
        snprintf(text, size, "%zu bytes past shared variable %s of %zu bytes", size_t(address - begin - variable->bytes),
                 variable->name, variable->bytes);
        return true;
    }
    return false;
}

[[noreturn]] void write_and_exit(const char *text) {
    char line[640];
    int used = snprintf(line, sizeof line, "%s\n", text);
    if (write(2, line, size_t(used) < sizeof line ? size_t(used) : sizeof line - 1) < 0) _exit(exit_status + 1);
    _exit(exit_status);
}

}  // namespace

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
    snprintf(access, sizeof access, "%s%s%s of %zu bytes", instead ? instead : "", instead ? ": " : "",
             write ? "store" : "load", bytes);
    const char *kind = "out of bounds";
    if (describe(address, what, sizeof what)) {
        bool inside = strncmp(what, "at offset", 9) == 0;
        if (inside && strstr(what, "a freed device array"))
            kind = "use after cudaFree";
        else if (inside)
            kind = in_kernel ? "host memory used in a kernel" : "device memory used by host code";
    } else if (describe_dynamic_shared(address, what, sizeof what) || describe_shared(address, what, sizeof what) ||
               describe_global(address, what, sizeof what)) {
        kind = "out of bounds";
    } else if (in_fiber_guard(reinterpret_cast<void *>(address))) {
        snprintf(what, sizeof what, "on a stack that has overflowed");
    } else if (address < 4096) {
        snprintf(what, sizeof what, "through a null pointer (address 0x%zx)", size_t(address));
    } else {
        snprintf(what, sizeof what, "at address 0x%zx, which is no memory of this program", size_t(address));
    }
    snprintf(text, sizeof text, "%s: %s: %s %s", kind, place, access, what);
    write_and_exit(text);
}

}  // namespace musl

using namespace musl;

extern "C" {

// Of a whole program; the test driver has its own.
__attribute__((weak)) const char *__asan_default_options(void) {
    return "detect_leaks=0:exitcode=99:handle_abort=0:detect_stack_use_after_return=0:color=never";
}

// AddressSanitizer calls this before it prints its own report, which has nothing to add.
void __asan_on_error(void) {
    const char *description = __asan_get_report_description();
    if (!description) return;
    uintptr_t pc = reinterpret_cast<uintptr_t>(__asan_get_report_pc());
    if (strstr(description, "FPE")) {
        char place[256], text[512];
        say_place(place, sizeof place, pc + 1);
        snprintf(text, sizeof text, "error: %s: integer division by zero or overflow in a division", place);
        write_and_exit(text);
    }
    bool memory = strstr(description, "overflow") || strstr(description, "poison") || strstr(description, "SEGV") ||
                  strstr(description, "use-after") || strstr(description, "underflow") || strstr(description, "wild");
    if (!memory || strstr(description, "param-overlap")) return;
    uintptr_t address = reinterpret_cast<uintptr_t>(__asan_get_report_address());
    report_access(pc, address, __asan_get_report_access_size(), __asan_get_report_access_type() == 1);
}

// glibc's assert() ends here: the emulator's version says which thread it was.
void __assert_fail(const char *expression, const char *file, unsigned line, const char *) {
    const char *name = strrchr(file, '/');
    die("assertion `%s` failed at %s:%u", expression, name ? name + 1 : file, line);
}

}  // extern "C"
