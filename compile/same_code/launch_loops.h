// Launches as loops: included before a rewritten .cu text, so that an optimiser sees kernel and launch as one function.
// Only for comparing what two texts compile to (compile/same_code.py); nothing that includes this is ever run.
#pragma once

#include <cuda_runtime.h>

// Not known to the optimiser: a launch may do anything before its threads run, but cannot change host variables.
extern "C" void musl_launched(dim3 grid, dim3 block, size_t shared, cudaStream_t stream);

namespace musl {

static uint3 loop_thread, loop_block;
static dim3 loop_block_dim, loop_grid_dim;

#define MUSL_INLINE inline __attribute__((always_inline))

template <class Body>
MUSL_INLINE void run_loops(const MuslConfig &config, const Body &body) {
    musl_launched(config.grid, config.block, config.shared, config.stream);
    const int width = (int)config.grid.x, height = (int)config.grid.y, depth = (int)config.grid.z;
    for (int bz = 0; bz < depth; bz++)
        for (int by = 0; by < height; by++)
            for (int bx = 0; bx < width; bx++)
                for (int tz = 0; tz < (int)config.block.z; tz++)
                    for (int ty = 0; ty < (int)config.block.y; ty++)
                        for (int tx = 0; tx < (int)config.block.x; tx++) {
                            loop_grid_dim = config.grid, loop_block_dim = config.block;
                            loop_block.x = bx, loop_block.y = by, loop_block.z = bz;
                            loop_thread.x = tx, loop_thread.y = ty, loop_thread.z = tz;
                            body();
                            asm volatile("" ::: "memory");  // what one thread does is not merged with the next one's
                        }
}

template <class F>
struct LoopLauncher {
    F function;
    MuslConfig config;
    template <class... P>
    MUSL_INLINE void operator()(P... p) const {
        run_loops(config, [this, &p...]() __attribute__((always_inline)) { function(p...); });
    }
};

template <class... P>
struct LoopKernel {
    void (*function)(P...);
    MuslConfig config;
    MUSL_INLINE void operator()(P... p) const {
        run_loops(config, [this, &p...]() __attribute__((always_inline)) { function(p...); });
    }
};

template <class... P>
MUSL_INLINE LoopKernel<P...> loop_kernel(void (*function)(P...), const char *, const MuslConfig &config) {
    return {function, config};
}

template <class F>
MUSL_INLINE LoopLauncher<F> loop_generic(F function, const char *, const MuslConfig &config) {
    return {function, config};
}

MUSL_INLINE void loop_device_function(const char *) {}

}  // namespace musl

#define musl_kernel loop_kernel
#define musl_generic loop_generic
#define musl_device_function loop_device_function
#define threadIdx ::musl::loop_thread
#define blockIdx ::musl::loop_block
#define blockDim ::musl::loop_block_dim
#define gridDim ::musl::loop_grid_dim
#undef __global__
#define __global__ inline __attribute__((always_inline))
