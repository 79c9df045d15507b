#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

extern "C" {
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t bytes) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *bytes) __attribute__((weak));
}

namespace musl {
namespace {

constexpr size_t guard_bytes = 4096;
constexpr size_t stride = fiber_stack_bytes + guard_bytes;
constexpr int most_fibers = 1024;  // the threads of the largest block
char *slab;
Context *came_from;

char *stack_of(int number) {
    if (!slab) {
        void *memory = mmap(nullptr, stride * most_fibers, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            fputs("emulator: no memory for the stacks of CUDA threads\n", stderr);
            _exit(2);
        }
        slab = static_cast<char *>(memory);
    }
    char *stack = slab + stride * number + guard_bytes;
    if (mprotect(stack, fiber_stack_bytes, PROT_READ | PROT_WRITE) != 0) {
        fputs("emulator: no memory for the stacks of CUDA threads\n", stderr);
        _exit(2);
    }
    return stack;
}

}  // namespace

bool in_fiber_stack(const void *address) {
    uintptr_t at = reinterpret_cast<uintptr_t>(address), base = reinterpret_cast<uintptr_t>(slab);
    return slab && at >= base && at < base + stride * most_fibers;
}

bool in_fiber_guard(const void *address) {
    uintptr_t at = reinterpret_cast<uintptr_t>(address), base = reinterpret_cast<uintptr_t>(slab);
    return in_fiber_stack(address) && (at - base) % stride < guard_bytes;
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

static void prepare(Fiber *fiber, char *stack, void (*entry)()) {
    void **top = reinterpret_cast<void **>(stack + fiber_stack_bytes);
    *--top = nullptr;  // keeps the stack aligned as after a call, and ends a backtrace
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++) *--top = nullptr;
    fiber->context.stack_pointer = top;
}

static void swap(Context &from, Context &to) { musl_swap_stack(&from.stack_pointer, to.stack_pointer); }
#else
static void prepare(Fiber *fiber, char *stack, void (*entry)()) {
    auto *context = new ucontext_t;
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = fiber_stack_bytes;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    fiber->context.stack_pointer = context;
}

static void swap(Context &from, Context &to) {
    if (!from.stack_pointer) from.stack_pointer = new ucontext_t;
    swapcontext(static_cast<ucontext_t *>(from.stack_pointer), static_cast<ucontext_t *>(to.stack_pointer));
}
#endif

Fiber *make_fiber(int number, void (*entry)()) {
    auto *fiber = new Fiber;
    char *stack = stack_of(number);
    fiber->context.bottom = stack;
    fiber->context.bytes = fiber_stack_bytes;
    prepare(fiber, stack, entry);
    return fiber;
}

void switch_context(Context &from, Context &to) {
    came_from = &from;
    if (__sanitizer_start_switch_fiber) __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.bytes);
    swap(from, to);
    // Here again: some other context switched back.
    Context *other = came_from;
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(from.fake_stack, &other->bottom, &other->bytes);
}

void entered_context() {
    if (__sanitizer_finish_switch_fiber) __sanitizer_finish_switch_fiber(nullptr, &came_from->bottom, &came_from->bytes);
}

}  // namespace musl
