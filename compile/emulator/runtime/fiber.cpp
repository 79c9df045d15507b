#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <atomic>

namespace musl {
namespace {

constexpr size_t guard_bytes = 4096;
constexpr size_t stride = fiber_stack_bytes + guard_bytes;
constexpr size_t most_fibers = 1024;  // the threads of the largest block

// The stacks of one operating-system thread's fibers.
struct Slab {
    char *memory;
    size_t made;
    Slab *next;
};
std::atomic<Slab *> slabs;
__thread Slab *own_slab;

[[noreturn]] void out_of_memory() {
    fputs("emulator: no memory for the stacks of CUDA threads\n", stderr);
    _exit(2);
}

Slab *make_slab() {
    void *memory = mmap(nullptr, stride * most_fibers, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) out_of_memory();
    auto *slab = new Slab{static_cast<char *>(memory), 0, slabs.load()};
    while (!slabs.compare_exchange_weak(slab->next, slab)) {}
    return slab;
}

// Linux since 6.13 can do so without splitting the mapping, which makes a fiber twice as fast to make.
void guard(char *page) {
    constexpr int madv_guard_install = 102;
    if (madvise(page, guard_bytes, madv_guard_install) != 0 && mprotect(page, guard_bytes, PROT_NONE) != 0) out_of_memory();
}

char *make_stack() {
    if (!own_slab) own_slab = make_slab();
    char *bottom = own_slab->memory + stride * own_slab->made++;
    guard(bottom);
    return bottom + guard_bytes;
}

// The distance of `address` from the beginning of the slab that it lies in, or -1.
intptr_t place_in_slab(const void *address) {
    uintptr_t at = reinterpret_cast<uintptr_t>(address);
    for (Slab *slab = slabs.load(); slab; slab = slab->next) {
        uintptr_t distance = at - reinterpret_cast<uintptr_t>(slab->memory);
        if (distance < stride * most_fibers) return intptr_t(distance);
    }
    return -1;
}

}  // namespace

bool in_fiber_stack(const void *address) { return place_in_slab(address) >= 0; }

bool in_fiber_guard(const void *address) {
    intptr_t place = place_in_slab(address);
    return place >= 0 && size_t(place) % stride < guard_bytes;
}

#if defined(__x86_64__)
// Saves the callee-saved registers of the System V ABI on the old stack and takes them from the new one.
extern "C" void musl_swap_stack(void **save, void *load);
asm(R"(
.text
.globl musl_swap_stack
.hidden musl_swap_stack
.type musl_swap_stack, @function
musl_swap_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size musl_swap_stack, .-musl_swap_stack
)");

static void prepare(Fiber *fiber, char *stack, size_t bytes, void (*entry)()) {
    void **top = reinterpret_cast<void **>(stack + bytes);
    *--top = nullptr;  // keeps the stack aligned as after a call, and ends a backtrace
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--top = nullptr;
    fiber->context.stack_pointer = top;
}

static void swap(Context &from, Context &to) { musl_swap_stack(&from.stack_pointer, to.stack_pointer); }
#else
static void prepare(Fiber *fiber, char *stack, size_t bytes, void (*entry)()) {
    auto *context = new ucontext_t;
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = bytes;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    fiber->context.stack_pointer = context;
}

static void swap(Context &from, Context &to) {
    if (!from.stack_pointer) from.stack_pointer = new ucontext_t;
    swapcontext(static_cast<ucontext_t *>(from.stack_pointer), static_cast<ucontext_t *>(to.stack_pointer));
}
#endif

Fiber *make_fiber(void (*entry)()) {
    auto *fiber = new Fiber;
    char *stack = make_stack();
    // Stacks end at different places of a page, so that their hot ends do not compete for the same lines of the cache.
    prepare(fiber, stack, fiber_stack_bytes - own_slab->made % 32 * 128, entry);
    return fiber;
}

// AddressSanitizer is not told of the switch: it would take half of its time. What it wants to know is which stack to wipe
// before a call that does not return, and in a kernel such a call ends the process (report.cpp).
void switch_context(Context &from, Context &to) { swap(from, to); }

}  // namespace musl
