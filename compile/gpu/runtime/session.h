// What the files of the GPU runtime share, and what a worker (compile/gpu/worker.py) calls.
//
// The runtime implements, over NVIDIA's driver, the CUDA runtime API that the emulator's headers declare
// (compile/emulator/include). The host side of a .cu text, rewritten and compiled by g++ against those headers, therefore
// runs on a real GPU: its kernels are stubs (compile/gpu/host.py) that end in launch_kernel(), and the device side is the
// cubin that nvcc made of the same text. Which function of the cubin a stub stands for, the worker says in a table.
#pragma once

// Compiled with -fvisibility=hidden: what CUDA programs may use is exported to them, what stands between units and the
// evidence of a run is not. (The functions that a worker calls are withheld from units when they are built.)
#pragma GCC visibility push(default)
#include <cuda_runtime.h>
#include <stdint.h>
namespace musl {
void launch_kernel(const char *stub, void **arguments, const unsigned *bytes, unsigned count);
}
#pragma GCC visibility pop

#include "cuda_driver.h"

#pragma GCC visibility push(default)
extern "C" {

// A function or a variable of the unit (its kernel stubs and the host's shadows of device variables) and the name in the cubin
// that it stands for.
struct musl_gpu_symbol {
    uint64_t begin, bytes;  // where it lies in this process
    uint64_t stub;          // of a kernel: the variable by which its stub is known
    const char *name;
    uint32_t is_kernel;
    uint32_t parameter_count;
    const uint32_t *parameter_bytes;  // as the cubin has them
};

// An array argument of a call, in this process's memory.
struct musl_gpu_array {
    uint64_t begin, bytes;
    uint32_t parameter;
};

enum {
    MUSL_GPU_OK = 0,
    MUSL_GPU_UNREAD_ERROR = 1,
    MUSL_GPU_CONTEXT_LOST = 2,
    MUSL_GPU_MACHINE = 3,
    MUSL_GPU_OUT_OF_BOUNDS = 4  // a copy from or to an argument reached past its end, and was cut there
};

// Finds the driver's functions; null, or what is missing.
const char *musl_gpu_load(void);
// Loads the cubin into the current context: device variables have their first values. Null, or why not.
const char *musl_gpu_open(const void *cubin, const musl_gpu_symbol *symbols, uint32_t count);
// The array arguments of the next call, which copies between host and device are held against.
void musl_gpu_arguments(const musl_gpu_array *arrays, uint32_t count);
// Before a call: no launches, no error, and the byte that fills new device memory. With `timed`, events stand around every
// launch.
void musl_gpu_begin(uint32_t pattern, uint32_t timed);
// After a call: waits for the device and frees what the call left. `message` is one line where the result is not MUSL_GPU_OK.
int musl_gpu_end(uint64_t *launches, double *kernel_ms, char *message, size_t capacity);
void musl_gpu_close(void);
// The threads of the call's largest launch.
uint64_t musl_gpu_threads(void);
}
#pragma GCC visibility pop

namespace musl {

// ---- session.cpp
// Remembers a failure as CUDA does, with the call that it came from, and returns it. A success is returned as it is.
cudaError_t settle(CUresult result, const char *call);
inline cudaError_t fail(cudaError_t error, const char *call) { return settle(static_cast<CUresult>(error), call); }
cudaError_t take_last_error();
cudaError_t last_error();
// A limit of this runtime, not of the program under test: the call ends as a failure of the machine.
void blame_machine(const char *format, ...) __attribute__((format(printf, 1, 2)));
// How many of these bytes a copy may read (`writes` false) or write at an address of the host: all of them, or those up to the
// end of the argument that the address lies in, which is remembered as a fault of the call.
size_t inside_argument(const void *address, size_t bytes, bool writes, const char *call);
const musl_gpu_symbol *find_symbol(const void *address, bool is_kernel);
// The cubin's function for a kernel of the unit, given as a pointer to it or to its stub's variable; null where it is none.
CUfunction find_function(const void *kernel, const musl_gpu_symbol **symbol = nullptr);
void before_launch(CUstream stream, uint64_t threads);
void after_launch(CUstream stream);
int device_attribute(int attribute);

// ---- memory.cpp
extern unsigned char pattern;
void free_leftovers();

inline CUdeviceptr device_pointer(const void *pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

}  // namespace musl
