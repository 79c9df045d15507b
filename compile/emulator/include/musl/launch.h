// Kernel launches: `k<<<grid, block, shared, stream>>>(a, b)` is rewritten to `::musl::musl_kernel(k, "k", MuslConfig(...))(a, b)`.
#pragma once

struct CUstream_st;
typedef struct CUstream_st *cudaStream_t;

#ifndef MUSL_BUILT_IN  // the engine, which sets them, sees them without the const
#define MUSL_BUILT_IN const
#endif
// Each of the operating-system threads that run blocks has its own; a unit is loaded after they are made.
#define MUSL_OWN __thread __attribute__((tls_model("initial-exec")))
// Set before a thread runs, and again when it is resumed.
extern "C" {
extern MUSL_OWN MUSL_BUILT_IN uint3 threadIdx;
extern MUSL_OWN MUSL_BUILT_IN uint3 blockIdx;
extern MUSL_OWN MUSL_BUILT_IN dim3 blockDim;
extern MUSL_OWN MUSL_BUILT_IN dim3 gridDim;
}
static constexpr int warpSize = 32;

namespace musl {

struct MuslConfig {
    dim3 grid, block;
    size_t shared;
    cudaStream_t stream;
    const char *file;  // of the launch
    int line;
    bool ordered;  // the blocks may not run on several processors
    MuslConfig(dim3 grid, dim3 block = 1, size_t shared = 0, cudaStream_t stream = nullptr, const char *file = __builtin_FILE(),
               int line = __builtin_LINE(), bool ordered = false)
        : grid(grid), block(block), shared(shared), stream(stream), file(file), line(line), ordered(ordered) {}
};
// Of a text in which what a block does may depend on what others did before it: atomics, clocks, output.
struct MuslOrdered : MuslConfig {
    MuslOrdered(dim3 grid, dim3 block = 1, size_t shared = 0, cudaStream_t stream = nullptr, const char *file = __builtin_FILE(),
                int line = __builtin_LINE())
        : MuslConfig(grid, block, shared, stream, file, line, true) {}
};

// Runs every thread of the launch to its end. `body` (with `bytes` bytes at `closure`, copied first) is one thread.
void launch(const char *name, const MuslConfig &config, void (*body)(const void *), const void *closure, size_t bytes);

// Called at the head of every kernel and device function: an error when host code calls it like a function.
extern bool in_kernel;
[[noreturn]] void called_from_host(const char *name);
static inline void musl_device_function(const char *name) {
    if (!in_kernel) called_from_host(name);
}

// A shared variable. Each operating-system thread has memory of its own for those of the block that it runs; the variable has
// the same offset in all, with poisoned bytes around it. The first thread of each block that passes the declaration fills
// it with a pattern.
struct Shared {
    size_t number, offset;  // given by the first entry; 0 until then
    size_t bytes;
    const char *name;
    Shared *next;
};
extern MUSL_OWN unsigned char *shared_memory;
extern MUSL_OWN unsigned long long *filled_for;  // by number of a variable: the block that it was last filled for
extern MUSL_OWN unsigned long long block_number;
extern MUSL_OWN unsigned char *musl_dynamic_shared;
void enter_shared(Shared *variable);
template <class T>
inline T &shared(Shared *variable) {
    if (filled_for[variable->number] != block_number) enter_shared(variable);
    return *reinterpret_cast<T *>(shared_memory + variable->offset);
}
// One that is declared outside of functions stays where it is, for one operating-system thread.
struct SharedOfFile {
    void *address;
    size_t bytes;
    SharedOfFile *next;
    SharedOfFile(void *address, size_t bytes);
};
unsigned char *dynamic_shared_of_file();

// Stands after the definition of a __device__ or __constant__ variable, which host code may not touch.
struct MuslVariable {
    MuslVariable(void *address, size_t bytes, const char *name);
};
// Host code that names such a variable comes by here.
void used_on_host(const void *address, const char *name);
template <class T>
T &on_host(T &variable, const char *name) {
    used_on_host(&variable, name);
    return variable;
}

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

// `__shared__ float s[32], t;` --> `typedef float MUSL_TYPE(s)[32], MUSL_TYPE(t); MUSL_SHARED(s); MUSL_SHARED(t);`
#define MUSL_TYPE(variable) musl_type_##variable
#define MUSL_SHARED(variable) \
    static ::musl::Shared musl_shared_##variable{0, 0, sizeof(musl_type_##variable), #variable, nullptr}; \
    [[maybe_unused]] musl_type_##variable &variable = ::musl::shared<musl_type_##variable>(&musl_shared_##variable)
#define MUSL_SHARED_OF_FILE(variable) static ::musl::SharedOfFile musl_shared_##variable((void *)&variable, sizeof(variable))
