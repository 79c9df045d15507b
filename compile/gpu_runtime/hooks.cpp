// Where the test driver (compile/driver/musl_driver.h) meets a real GPU: counts launches, fills device memory with garbage when
// it is allocated, and finds errors that are left at the end of the call. The linker sends the calls here (--wrap).
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

#include "musl_driver.h"

static uint64_t launches;
static int pattern = 0xcb;

extern "C" {

unsigned __real___cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream);
unsigned __wrap___cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, void *stream) {
    launches++;
    return __real___cudaPushCallConfiguration(grid, block, shared, stream);
}

// New device memory often holds zeros, which a program that forgets to initialise it may rely on.
cudaError_t __real_cudaMalloc(void **pointer, size_t bytes);
cudaError_t __wrap_cudaMalloc(void **pointer, size_t bytes) {
    cudaError_t error = __real_cudaMalloc(pointer, bytes);
    if (error == cudaSuccess && bytes > 0) cudaMemset(*pointer, pattern, bytes);
    return error;
}

void musl_hook_begin(const struct musl_call_info *info) {
    pattern = strcmp(info->schedule, "forward") == 0   ? 0xcb
              : strcmp(info->schedule, "reverse") == 0 ? 0x3d
                                                       : 0x51 + 2 * static_cast<int>(info->seed % 16);
    launches = 0;
}

int musl_hook_end(uint64_t *count) {
    *count = launches;
    if (launches == 0) return 0;  // the sequential path: no need to start the device
    cudaError_t error = cudaDeviceSynchronize();
    if (error == cudaSuccess) error = cudaGetLastError();
    if (error == cudaSuccess) return 0;
    fprintf(stderr, "CUDA error %s (%s): left at the end of the call\n", cudaGetErrorName(error), cudaGetErrorString(error));
    return 1;
}

}  // extern "C"
