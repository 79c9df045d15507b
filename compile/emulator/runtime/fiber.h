// Fibers: stacks of their own for CUDA threads that wait at a barrier while others run.
#pragma once

#include <stddef.h>

namespace musl {

struct Context {
    void *stack_pointer = nullptr;  // or the ucontext, on machines other than x86-64
};

struct Fiber {
    Context context;
};

constexpr size_t fiber_stack_bytes = 256 * 1024;

// A fiber of the running operating-system thread, which alone may switch to it. It runs `entry` when first switched to;
// `entry` never returns. Fibers are made once and used again; a thread has up to 1024 of them.
Fiber *make_fiber(void (*entry)());
void switch_context(Context &from, Context &to);
bool in_fiber_guard(const void *address);
bool in_fiber_stack(const void *address);

}  // namespace musl
