// Where the test driver (compile/driver/musl_driver.h) meets a real GPU: counts launches, fills device memory with garbage when
// it is allocated, and finds errors that are left at the end of the call. The linker sends the calls here (--wrap).
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    const char *fill = strstr(info->schedule, " fill ");
    pattern = fill                                           ? static_cast<int>(strtol(fill + 6, nullptr, 16))
              : strncmp(info->schedule, "forward", 7) == 0   ? 0xcb
              : strncmp(info->schedule, "reverse", 7) == 0   ? 0x3d
                                                             : 0x51 + 2 * static_cast<int>(info->seed % 16);
    launches = 0;
}

uint32_t musl_hook_end(uint64_t *count) {
    *count = launches;
    if (launches == 0) return 0;  // the sequential path: no need to start the device
    cudaError_t waited = cudaDeviceSynchronize(), error = cudaGetLastError();
    if (error == cudaSuccess) error = waited;
    if (error == cudaSuccess) return 0;
    // An error that does not go away has lost the context, and with it what the call should have copied back.
    bool lost = cudaDeviceSynchronize() != cudaSuccess;
    bool outside = error == cudaErrorIllegalAddress || error == cudaErrorInvalidAddressSpace;
    const char *fault = outside                               ? "out of bounds"
                        : error == cudaErrorMisalignedAddress ? "misaligned access"
                        : error == cudaErrorAssert            ? "assertion failed"
                        : lost                                ? "error"
                                                              : "unread CUDA error";
    fprintf(stderr, "%s: host code: %s (%s)\n", fault, cudaGetErrorName(error), cudaGetErrorString(error));
    if (lost) _exit(1);
    return MUSL_UNREAD_ERROR;
}

}  // extern "C"
