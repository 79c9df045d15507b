// Fibers: stacks of their own for CUDA threads that wait at a barrier while others run.
#pragma once

#include <stddef.h>

namespace musl {

struct Context {
    void *stack_pointer = nullptr;  // or the ucontext, on machines other than x86-64
    const void *bottom = nullptr;   // of the stack, for AddressSanitizer; learned at the first switch for the host's own stack
    size_t bytes = 0;
    void *fake_stack = nullptr;
};

struct Fiber {
    Context context;
    int thread = -1;  // the CUDA thread that waits on this fiber, in the order of the block; -1 for none
};

constexpr size_t fiber_stack_bytes = 256 * 1024;

// A fiber that runs `entry` when first switched to; `entry` never returns. Fibers are made once and used again.
Fiber *make_fiber(int number, void (*entry)());
void switch_context(Context &from, Context &to);
void entered_context();  // first statement of `entry`
bool in_fiber_guard(const void *address);
bool in_fiber_stack(const void *address);

}  // namespace musl
