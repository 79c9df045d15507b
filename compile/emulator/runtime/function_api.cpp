// The part of the CUDA runtime API that asks about a kernel or a device variable. The figures are those of a device of
// compute capability 8.0, as in cudaGetDeviceProperties.
#include "internal.h"

namespace musl {

cudaError_t locate_symbol(void **pointer, void *symbol, size_t size) {
    *pointer = symbol;
    return register_symbol(symbol, size);
}

cudaError_t set_function_attribute(const void *, enum cudaFuncAttribute attribute, int value) {
    return allow_dynamic_shared(attribute, value);
}

cudaError_t function_attributes(struct cudaFuncAttributes *attributes, const void *) {
    *attributes = {};
    attributes->maxThreadsPerBlock = 1024;
    attributes->numRegs = 32;
    attributes->maxDynamicSharedSizeBytes = 49152;
    attributes->ptxVersion = attributes->binaryVersion = 80;
    return cudaSuccess;
}

cudaError_t potential_block_size(int *grid, int *block, const void *, size_t, int limit) {
    *block = limit > 0 && limit < 1024 ? limit : 1024;
    *grid = 216;  // two blocks on each of 108 multiprocessors
    return cudaSuccess;
}

cudaError_t active_blocks(int *blocks, const void *, int block, size_t) {
    *blocks = block > 0 ? (2048 / block < 32 ? 2048 / block : 32) : 0;
    return block > 0 ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace musl
