// Launches: launch() keeps the configuration, the kernel's stub is called with the arguments and hands them to launch_kernel().
#include "session.h"

namespace musl {
namespace {

const MuslConfig *pending;

enum { BLOCK_THREADS = 1, BLOCK_X = 2, GRID_X = 5 };  // CUdevice_attribute: ..._MAX_THREADS_PER_BLOCK and what follows

bool within_limits(const dim3 &size, int first_attribute) {
    unsigned values[3] = {size.x, size.y, size.z};
    for (int i = 0; i < 3; i++)
        if (values[i] == 0 || values[i] > static_cast<unsigned>(device_attribute(first_attribute + i))) return false;
    return true;
}

// The runtime answers cudaErrorInvalidConfiguration where the driver says no more than "invalid value".
bool valid_configuration(const MuslConfig &config) {
    uint64_t threads = uint64_t(config.block.x) * config.block.y * config.block.z;
    return within_limits(config.grid, GRID_X) && within_limits(config.block, BLOCK_X) &&
           threads <= static_cast<uint64_t>(device_attribute(BLOCK_THREADS));
}

bool same_parameters(const musl_gpu_symbol &symbol, const unsigned *bytes, unsigned count) {
    if (count != symbol.parameter_count) return false;
    for (unsigned i = 0; i < count; i++)
        if (bytes[i] != symbol.parameter_bytes[i]) return false;
    return true;
}

}  // namespace

void launch(const char *name, const MuslConfig &config, void (*body)(const void *), const void *closure, size_t) {
    pending = &config;
    in_kernel = true;
    body(closure);
    in_kernel = false;
    if (!pending) return;
    pending = nullptr;
    blame_machine("%s is launched, but is no kernel that this runtime knows", name);
}

// Called by the stub of a kernel, which has a variable of its own at `stub`.
void launch_kernel(const char *stub, void **arguments, const unsigned *bytes, unsigned count) {
    const MuslConfig *config = pending;
    pending = nullptr;
    if (!config) return called_from_host("a kernel");
    const musl_gpu_symbol *symbol = nullptr;
    CUfunction function = find_function(stub, &symbol);
    if (!function) {
        fail(cudaErrorInvalidDeviceFunction, "a launch");
        return blame_machine("a kernel is launched that is not in the device code");
    }
    if (!same_parameters(*symbol, bytes, count))
        return blame_machine("the parameters of %s have other sizes on the host than on the device", symbol->name);
    if (!valid_configuration(*config)) {
        fail(cudaErrorInvalidConfiguration, "a launch");
        return;
    }
    const dim3 &grid = config->grid, &block = config->block;
    before_launch(config->stream, 1ull * grid.x * grid.y * grid.z * block.x * block.y * block.z);
    CUresult result = driver.cuLaunchKernel(function, grid.x, grid.y, grid.z, block.x, block.y, block.z,
                                            static_cast<unsigned>(config->shared), config->stream, arguments, nullptr);
    after_launch(config->stream);
    settle(result, "a launch");
}

cudaError_t set_function_attribute(const void *kernel, enum cudaFuncAttribute attribute, int value) {
    CUfunction function = find_function(kernel);
    if (!function) return fail(cudaErrorInvalidDeviceFunction, "cudaFuncSetAttribute");
    return settle(driver.cuFuncSetAttribute(function, attribute, value), "cudaFuncSetAttribute");
}

cudaError_t function_attributes(struct cudaFuncAttributes *attributes, const void *kernel) {
    CUfunction function = find_function(kernel);
    if (!function) return fail(cudaErrorInvalidDeviceFunction, "cudaFuncGetAttributes");
    auto value = [function](int attribute) {
        int answer = 0;
        driver.cuFuncGetAttribute(&answer, attribute, function);
        return answer;
    };
    *attributes = {};
    attributes->maxThreadsPerBlock = value(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
    attributes->sharedSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES));
    attributes->constSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES));
    attributes->localSizeBytes = static_cast<size_t>(value(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES));
    attributes->numRegs = value(CU_FUNC_ATTRIBUTE_NUM_REGS);
    attributes->ptxVersion = value(CU_FUNC_ATTRIBUTE_PTX_VERSION);
    attributes->binaryVersion = value(CU_FUNC_ATTRIBUTE_BINARY_VERSION);
    attributes->maxDynamicSharedSizeBytes = value(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
    return cudaSuccess;
}

cudaError_t potential_block_size(int *grid, int *block, const void *kernel, size_t shared, int limit) {
    CUfunction function = find_function(kernel);
    if (!function) return fail(cudaErrorInvalidDeviceFunction, "cudaOccupancyMaxPotentialBlockSize");
    return settle(driver.cuOccupancyMaxPotentialBlockSize(grid, block, function, nullptr, shared, limit),
                  "cudaOccupancyMaxPotentialBlockSize");
}

cudaError_t active_blocks(int *blocks, const void *kernel, int block, size_t shared) {
    CUfunction function = find_function(kernel);
    if (!function) return fail(cudaErrorInvalidDeviceFunction, "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    return settle(driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, block, shared),
                  "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
}

}  // namespace musl
