// One call of the function under test: its module, its errors, its launches and how long they took.
#include "session.h"

#include <dlfcn.h>
#include <stdarg.h>

#include <vector>

namespace musl {

Driver driver;
bool in_kernel = false;
// Shared memory is the device's: what is declared outside of functions is not used on the host.
SharedOfFile::SharedOfFile(void *address, size_t bytes) : address(address), bytes(bytes), next(nullptr) {}
unsigned char *dynamic_shared_of_file() { return nullptr; }

namespace {

struct Span {
    CUevent begin, end;
};

CUmodule module_;
const musl_gpu_symbol *symbols;
uint32_t symbol_count;
cudaError_t error_now;
char error_call[64];
char machine_message[256];
const musl_gpu_array *arguments_;
uint32_t argument_count;
char bounds_message[256];
uint64_t launch_count;
uint64_t most_threads;  // of one launch
bool timed;
std::vector<Span> spans;

// After one of these every further call of the process fails (CUDA Runtime API, "Error handling": "the process must be
// terminated and relaunched").
bool loses_context(int error) {
    switch (error) {
        case 214:  // ECC_UNCORRECTABLE
        case 700: case 702: case 710: case 714: case 715: case 716: case 717: case 718: case 719: return true;
        default: return false;
    }
}

// As compile/fault.py reads it: on a GPU nobody says which thread it was.
const char *fault_of(int error) {
    switch (error) {
        case cudaErrorIllegalAddress: case 717: return "out of bounds";
        case cudaErrorMisalignedAddress: return "misaligned access";
        case cudaErrorAssert: return "assertion failed";
        default: return loses_context(error) ? "error" : "unread CUDA error";
    }
}

double spent_ms() {
    double total = 0;
    for (const Span &span : spans) {
        float ms = 0;
        if (driver.cuEventElapsedTime(&ms, span.begin, span.end) == 0) total += ms;
        driver.cuEventDestroy_v2(span.begin);
        driver.cuEventDestroy_v2(span.end);
    }
    spans.clear();
    return total;
}

}  // namespace

const char *load_driver() {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library) return "libcuda.so.1";
#define MUSL_FIND(name, parameters) \
    if (!(driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, #name)))) return #name;
    MUSL_DRIVER_FUNCTIONS(MUSL_FIND)
#undef MUSL_FIND
    return nullptr;
}

cudaError_t settle(CUresult result, const char *call) {
    if (result == 0) return cudaSuccess;
    error_now = static_cast<cudaError_t>(result);
    snprintf(error_call, sizeof error_call, "%s", call);
    return error_now;
}

cudaError_t last_error() { return error_now; }

cudaError_t take_last_error() {
    cudaError_t error = error_now;
    // An error that has lost the context comes back with the next call, as CUDA's own does.
    error_now = cudaSuccess;
    return error;
}

void blame_machine(const char *format, ...) {
    if (machine_message[0]) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(machine_message, sizeof machine_message, format, arguments);
    va_end(arguments);
}

const musl_gpu_symbol *find_symbol(const void *address, bool is_kernel) {
    auto at = reinterpret_cast<uint64_t>(address);
    for (uint32_t i = 0; i < symbol_count; i++) {
        const musl_gpu_symbol &symbol = symbols[i];
        bool inside = symbol.bytes > 0 && at >= symbol.begin && at - symbol.begin < symbol.bytes;
        inside = inside || (symbol.is_kernel && at == symbol.stub);
        if (inside && (symbol.is_kernel != 0) == is_kernel) return &symbol;
    }
    return nullptr;
}

CUfunction find_function(const void *kernel, const musl_gpu_symbol **found) {
    const musl_gpu_symbol *symbol = find_symbol(kernel, true);
    if (found) *found = symbol;
    CUfunction function = nullptr;
    if (symbol && driver.cuModuleGetFunction(&function, module_, symbol->name) != 0)
        blame_machine("the driver does not find the kernel %s in the device code", symbol->name);
    return function;
}

void before_launch(CUstream stream, uint64_t threads) {
    launch_count++;
    if (threads > most_threads) most_threads = threads;
    if (!timed) return;
    Span span;
    if (driver.cuEventCreate(&span.begin, 0) != 0 || driver.cuEventCreate(&span.end, 0) != 0) {
        timed = false;
        blame_machine("no CUDA events to measure with");
        return;
    }
    driver.cuEventRecord(span.begin, stream);
    spans.push_back(span);
}

void after_launch(CUstream stream) {
    if (timed) driver.cuEventRecord(spans.back().end, stream);
}

int device_attribute(int attribute) {
    int device = 0, value = 0;
    driver.cuCtxGetDevice(&device);
    driver.cuDeviceGetAttribute(&value, attribute, device);
    return value;
}

size_t inside_argument(const void *address, size_t bytes, bool writes, const char *call) {
    auto at = reinterpret_cast<uint64_t>(address);
    for (uint32_t i = 0; i < argument_count; i++) {
        const musl_gpu_array &array = arguments_[i];
        if (at < array.begin || at - array.begin > array.bytes || (at - array.begin == array.bytes && array.bytes > 0)) continue;
        uint64_t room = array.bytes - (at - array.begin);
        if (bytes <= room) return bytes;
        if (!bounds_message[0])
            snprintf(bounds_message, sizeof bounds_message,
                     "out of bounds: host code: %s: %s of %zu bytes past the end of host array (parameter %u) of %llu bytes", call,
                     writes ? "store" : "load", bytes, array.parameter + 1, static_cast<unsigned long long>(array.bytes));
        return room;
    }
    return bytes;
}

// The address on the device of the variable whose shadow on the host begins at or before `address`; null where it is none.
static char *symbol_address(const void *address) {
    const musl_gpu_symbol *symbol = find_symbol(address, false);
    CUdeviceptr at = 0;
    size_t bytes = 0;
    if (!symbol) return nullptr;
    if (driver.cuModuleGetGlobal_v2(&at, &bytes, module_, symbol->name) != 0) {
        blame_machine("the driver does not find the variable %s in the device code", symbol->name);
        return nullptr;
    }
    return reinterpret_cast<char *>(at) + (reinterpret_cast<uint64_t>(address) - symbol->begin);
}

cudaError_t copy_symbol(void *symbol, size_t, size_t offset, void *other, size_t bytes, bool to_symbol,
                        enum cudaMemcpyKind kind) {
    char *at = symbol_address(symbol);
    if (!at) return fail(cudaErrorInvalidSymbol, to_symbol ? "cudaMemcpyToSymbol" : "cudaMemcpyFromSymbol");
    return to_symbol ? cudaMemcpy(at + offset, other, bytes, kind) : cudaMemcpy(other, at + offset, bytes, kind);
}

cudaError_t locate_symbol(void **pointer, void *symbol, size_t) {
    *pointer = symbol_address(symbol);
    return *pointer ? cudaSuccess : fail(cudaErrorInvalidSymbol, "cudaGetSymbolAddress");
}

// The emulator keeps a list of device variables, the GPU's are in the worker's table.
MuslVariable::MuslVariable(void *, size_t, const char *) {}
void used_on_host(const void *, const char *) {}  // the host's copy is another variable, as it is in nvcc's program

void called_from_host(const char *name) {
    fprintf(stderr, "%s is a function for the device, but host code calls it\n", name);
    abort();
}

}  // namespace musl

using namespace musl;

extern "C" {

const char *musl_gpu_load(void) { return load_driver(); }

const char *musl_gpu_open(const void *cubin, const musl_gpu_symbol *table, uint32_t count) {
    symbols = table;
    symbol_count = count;
    module_ = nullptr;
    CUresult result = driver.cuModuleLoadData(&module_, cubin);
    return result ? cudaGetErrorString(static_cast<cudaError_t>(result)) : nullptr;
}

void musl_gpu_arguments(const musl_gpu_array *arrays, uint32_t count) {
    arguments_ = arrays;
    argument_count = count;
}

void musl_gpu_begin(uint32_t fill, uint32_t with_events) {
    pattern = static_cast<unsigned char>(fill);
    timed = with_events != 0;
    launch_count = most_threads = 0;
    error_now = cudaSuccess;
    error_call[0] = machine_message[0] = bounds_message[0] = 0;
    in_kernel = false;
}

uint64_t musl_gpu_threads(void) { return most_threads; }

int musl_gpu_end(uint64_t *launches, double *kernel_ms, char *message, size_t capacity) {
    *launches = launch_count;
    CUresult waited = driver.cuCtxSynchronize();
    if (waited) settle(waited, error_now == waited && error_call[0] ? error_call : "the end of the call");
    *kernel_ms = spent_ms();
    message[0] = 0;
    int ending = MUSL_GPU_OK;
    if (error_now != cudaSuccess) {
        ending = loses_context(error_now) || loses_context(waited) ? MUSL_GPU_CONTEXT_LOST : MUSL_GPU_UNREAD_ERROR;
        snprintf(message, capacity, "%s: host code: %s (%s): seen by %s", fault_of(error_now), cudaGetErrorName(error_now),
                 cudaGetErrorString(error_now), error_call);
    }
    if (bounds_message[0] && ending != MUSL_GPU_CONTEXT_LOST) {
        ending = MUSL_GPU_OUT_OF_BOUNDS;
        snprintf(message, capacity, "%s", bounds_message);
    }
    if (machine_message[0]) {
        ending = MUSL_GPU_MACHINE;
        snprintf(message, capacity, "%s", machine_message);
    }
    if (ending != MUSL_GPU_CONTEXT_LOST) free_leftovers();
    return ending;
}

void musl_gpu_close(void) {
    driver.cuModuleUnload(module_);
    module_ = nullptr;
    symbols = nullptr;
    arguments_ = nullptr;
    symbol_count = argument_count = 0;
}

}  // extern "C"
