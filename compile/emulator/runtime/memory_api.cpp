// The part of the CUDA runtime API that allocates and copies: which ends of a copy are on which side, and whether they are whole.
#include "internal.h"

namespace musl {
namespace {

// `error`, with the call that gave it for the report at the end.
cudaError_t bad(cudaError_t error, const char *call) {
    snprintf(last_error_place, sizeof last_error_place, "%s", call);
    return fail(error);
}

// Whether [pointer, pointer + bytes) can be one end of a copy that wants it on `device` (or on the host).
bool good_end(const char *call, const void *pointer, size_t bytes, bool device, bool write, const void *caller) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    const char *verb = write ? "write" : "read";
    Side side = side_of(address);
    if (device && side == Side::host) {
        snprintf(last_error_place, sizeof last_error_place, "%s is to %s device memory, but is given a host pointer", call,
                 verb);
        return false;
    }
    if (!device && side == Side::device) {
        snprintf(last_error_place, sizeof last_error_place, "%s is to %s host memory, but is given a device pointer", call,
                 verb);
        return false;
    }
    if (side != Side::host) {
        if (device_range(pointer, bytes)) return true;
        char what[96];
        if (!describe(address + bytes - 1, what, sizeof what)) snprintf(what, sizeof what, "outside every device array");
        snprintf(last_error_place, sizeof last_error_place, "%s is to %s %zu bytes, of which the last lies %s", call, verb,
                 bytes, what);
        return false;
    }
    if (const void *bad = first_poisoned(pointer, bytes))
        report_access(reinterpret_cast<uintptr_t>(caller), reinterpret_cast<uintptr_t>(bad), bytes, write, call);
    return true;
}

struct Ends {
    bool to_device, from_device;
};
bool directions(enum cudaMemcpyKind kind, const void *to, const void *from, Ends *ends) {
    switch (kind) {
        case cudaMemcpyHostToHost: *ends = {false, false}; return true;
        case cudaMemcpyHostToDevice: *ends = {true, false}; return true;
        case cudaMemcpyDeviceToHost: *ends = {false, true}; return true;
        case cudaMemcpyDeviceToDevice: *ends = {true, true}; return true;
        case cudaMemcpyDefault:
            *ends = {side_of(reinterpret_cast<uintptr_t>(to)) == Side::device,
                     side_of(reinterpret_cast<uintptr_t>(from)) == Side::device};
            return true;
    }
    return false;
}

}  // namespace

cudaError_t copy_symbol(void *symbol, size_t size, size_t offset, void *other, size_t bytes, bool to_symbol,
                        enum cudaMemcpyKind kind) {
    register_symbol(symbol, size);
    char *inside = static_cast<char *>(symbol) + offset;
    return to_symbol ? cudaMemcpy(inside, other, bytes, kind) : cudaMemcpy(other, inside, bytes, kind);
}

}  // namespace musl

using namespace musl;

extern "C" {

cudaError_t cudaMalloc(void **pointer, size_t bytes) { return allocate(pointer, bytes, false); }

cudaError_t cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height) {
    *pitch = round_up(width, 512);
    return allocate(pointer, *pitch * height, false);
}

// Pinned host memory is mapped on the device (unified addressing), so both sides may touch it.
cudaError_t cudaMallocHost(void **pointer, size_t bytes) { return allocate(pointer, bytes, true); }
cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned) { return allocate(pointer, bytes, true); }
cudaError_t cudaFreeHost(void *pointer) { return cudaFree(pointer); }

cudaError_t cudaHostRegister(void *pointer, size_t bytes, unsigned) {
    cudaError_t error = register_host(pointer, bytes);
    return error == cudaSuccess ? error : bad(error, "cudaHostRegister");
}
cudaError_t cudaHostUnregister(void *pointer) {
    cudaError_t error = unregister_host(pointer);
    return error == cudaSuccess ? error : bad(error, "cudaHostUnregister");
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned) {
    if (side_of(reinterpret_cast<uintptr_t>(host)) != Side::both)
        return bad(cudaErrorInvalidValue, "cudaHostGetDevicePointer of memory that is neither pinned nor registered");
    *device = host;
    return cudaSuccess;
}

cudaError_t cudaFree(void *pointer) {
    if (!pointer) return cudaSuccess;
    if (!free_block(pointer)) return fail(cudaErrorInvalidValue);
    return cudaSuccess;
}
cudaError_t cudaFreeAsync(void *pointer, cudaStream_t) { return cudaFree(pointer); }

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    if (bytes == 0) return cudaSuccess;
    const void *caller = __builtin_return_address(0);
    Ends ends;
    if (!directions(kind, to, from, &ends)) return bad(cudaErrorInvalidMemcpyDirection, "a copy of no known direction");
    if (!good_end("cudaMemcpy", from, bytes, ends.from_device, false, caller) ||
        !good_end("cudaMemcpy", to, bytes, ends.to_device, true, caller))
        return fail(cudaErrorInvalidValue);
    copy_bytes(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                         enum cudaMemcpyKind kind) {
    if (width == 0 || height == 0) return cudaSuccess;
    if (to_pitch < width || from_pitch < width) return bad(cudaErrorInvalidPitchValue, "cudaMemcpy2D with a pitch below the width");
    const void *caller = __builtin_return_address(0);
    Ends ends;
    if (!directions(kind, to, from, &ends)) return bad(cudaErrorInvalidMemcpyDirection, "a copy of no known direction");
    for (size_t row = 0; row < height; row++) {
        char *t = static_cast<char *>(to) + row * to_pitch;
        const char *f = static_cast<const char *>(from) + row * from_pitch;
        if (!good_end("cudaMemcpy2D", f, width, ends.from_device, false, caller) ||
            !good_end("cudaMemcpy2D", t, width, ends.to_device, true, caller))
            return fail(cudaErrorInvalidValue);
        copy_bytes(t, f, width);
    }
    return cudaSuccess;
}

cudaError_t cudaMemset(void *pointer, int value, size_t bytes) {
    if (bytes == 0) return cudaSuccess;
    if (!good_end("cudaMemset", pointer, bytes, true, true, __builtin_return_address(0)))
        return fail(cudaErrorInvalidValue);
    fill_bytes(pointer, value & 0xff, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemset2D(void *pointer, size_t pitch, int value, size_t width, size_t height) {
    if (pitch < width) return bad(cudaErrorInvalidPitchValue, "cudaMemset2D with a pitch below the width");
    for (size_t row = 0; row < height; row++)
        if (cudaError_t error = cudaMemset(static_cast<char *>(pointer) + row * pitch, value, width)) return error;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
    *free = free_bytes();
    *total = device_bytes;
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *pointer) {
    Side side = side_of(reinterpret_cast<uintptr_t>(pointer));
    void *address = const_cast<void *>(pointer);
    *attributes = {};
    attributes->type = side == Side::host     ? cudaMemoryTypeUnregistered
                       : side == Side::device ? cudaMemoryTypeDevice
                                              : cudaMemoryTypeManaged;
    attributes->devicePointer = side == Side::host ? nullptr : address;
    attributes->hostPointer = side == Side::device ? nullptr : address;
    return cudaSuccess;
}

cudaError_t cudaMemPrefetchAsync(const void *pointer, size_t, int, cudaStream_t) {
    if (side_of(reinterpret_cast<uintptr_t>(pointer)) == Side::both) return cudaSuccess;
    return bad(cudaErrorInvalidValue, "cudaMemPrefetchAsync or cudaMemAdvise of memory that is not managed");
}
cudaError_t cudaMemAdvise(const void *pointer, size_t bytes, enum cudaMemoryAdvise, int device) {
    return cudaMemPrefetchAsync(pointer, bytes, device, nullptr);
}

cudaError_t cudaDeviceReset(void) {
    free_all_blocks();
    last_error = cudaSuccess;
    return cudaSuccess;
}

}  // extern "C"
