// Kernel launches: `k<<<grid, block, shared, stream>>>(a, b)` is rewritten to `::musl::musl_kernel(k, "k", MuslConfig(...))(a, b)`.
#pragma once

struct CUstream_st;
typedef struct CUstream_st *cudaStream_t;

#ifndef MUSL_BUILT_IN  // the engine, which sets them, sees them without the const
#define MUSL_BUILT_IN const
#endif
// Set before a thread runs, and again when it is resumed.
extern "C" {
extern MUSL_BUILT_IN uint3 threadIdx;
extern MUSL_BUILT_IN uint3 blockIdx;
extern MUSL_BUILT_IN dim3 blockDim;
extern MUSL_BUILT_IN dim3 gridDim;
}
static constexpr int warpSize = 32;

namespace musl {

struct MuslConfig {
    dim3 grid, block;
    size_t shared;
    cudaStream_t stream;
    MuslConfig(dim3 grid, dim3 block = 1, size_t shared = 0, cudaStream_t stream = nullptr)
        : grid(grid), block(block), shared(shared), stream(stream) {}
};

// Runs every thread of the launch to its end. `body` (with `bytes` bytes at `closure`, copied first) is one thread.
void launch(const char *name, const MuslConfig &config, void (*body)(const void *), const void *closure, size_t bytes);

// Called at the head of every kernel and device function: an error when host code calls it like a function.
extern bool in_kernel;
[[noreturn]] void called_from_host(const char *name);
static inline void musl_device_function(const char *name) {
    if (!in_kernel) called_from_host(name);
}

// Called where a thread passes the declaration of a shared variable: the first one of each block fills it with a pattern.
struct Shared {
    unsigned long long block;
    void *address;
    size_t bytes;
    const char *name;
    Shared *next;
};
extern unsigned long long block_number;
void enter_shared(Shared *variable);
static inline void shared(Shared *variable) {
    if (variable->block != block_number) enter_shared(variable);
}
extern unsigned char musl_dynamic_shared[];

// Stands after the definition of a __device__ or __constant__ variable, which host code may not touch.
struct MuslVariable {
    MuslVariable(void *address, size_t bytes, const char *name);
};

template <class Body>
void launch_body(const char *name, const MuslConfig &config, const Body &body) {
    launch(name, config, [](const void *closure) { (*static_cast<const Body *>(closure))(); }, &body, sizeof(Body));
}

template <class... P>
struct Launcher {
    void (*function)(P...);
    const char *name;
    MuslConfig config;
    void operator()(P... p) const {
        // Plain pointers to the arguments would let one thread see another's copy: each call copies them.
        launch_body(name, config, [function = function, p...]() { function(p...); });
    }
};

template <class F>
struct GenericLauncher {
    F function;
    const char *name;
    MuslConfig config;
    template <class... P>
    void operator()(P... p) const {
        launch_body(name, config, [function = function, p...]() { function(p...); });
    }
};

template <class... P>
Launcher<P...> musl_kernel(void (*function)(P...), const char *name, const MuslConfig &config) {
    return {function, name, config};
}

// For templates, overloads and default arguments: `function` is a generic lambda that calls the kernel.
template <class F>
GenericLauncher<F> musl_generic(F function, const char *name, const MuslConfig &config) {
    return {function, name, config};
}

}  // namespace musl

// After the declaration of a shared variable.
#define MUSL_ENTER(variable) \
    static ::musl::Shared musl_shared_##variable{0, (void *)&variable, sizeof(variable), #variable, nullptr}; \
    ::musl::shared(&musl_shared_##variable)
