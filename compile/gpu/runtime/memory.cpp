// Allocating and copying, over the driver. New device memory is filled with a pattern, because it often holds zeros, which a
// program that forgets to initialise it may rely on; what a call leaves allocated is freed after it.
#include "session.h"

#include <string.h>

#include <map>

namespace musl {

unsigned char pattern = 0xcb;

namespace {

enum class Kind { device, pinned };
std::map<void *, Kind> blocks;  // of this call

cudaError_t filled(CUresult result, CUdeviceptr at, size_t bytes, void **pointer, const char *call) {
    if (result == 0) result = driver.cuMemsetD8_v2(at, pattern, bytes);
    if (result) return settle(result, call);
    *pointer = reinterpret_cast<void *>(at);
    blocks[*pointer] = Kind::device;
    return cudaSuccess;
}

cudaError_t pinned(void **pointer, size_t bytes, unsigned flags, const char *call) {
    if (CUresult result = driver.cuMemHostAlloc(pointer, bytes, flags)) return settle(result, call);
    memset(*pointer, pattern, bytes);
    blocks[*pointer] = Kind::pinned;
    return cudaSuccess;
}

cudaError_t forget(void *pointer, Kind kind, const char *call) {
    auto found = blocks.find(pointer);
    if (found == blocks.end() || found->second != kind) return fail(cudaErrorInvalidValue, call);
    blocks.erase(found);
    return settle(kind == Kind::pinned ? driver.cuMemFreeHost(pointer) : driver.cuMemFree_v2(device_pointer(pointer)), call);
}

// Which side each end of a copy lies on, as `kind` says; the driver itself finds out under cudaMemcpyDefault.
bool ends(enum cudaMemcpyKind kind, unsigned *from, unsigned *to) {
    switch (kind) {
        case cudaMemcpyHostToHost: *from = *to = CU_MEMORYTYPE_HOST; return true;
        case cudaMemcpyHostToDevice: *from = CU_MEMORYTYPE_HOST, *to = CU_MEMORYTYPE_DEVICE; return true;
        case cudaMemcpyDeviceToHost: *from = CU_MEMORYTYPE_DEVICE, *to = CU_MEMORYTYPE_HOST; return true;
        case cudaMemcpyDeviceToDevice: *from = *to = CU_MEMORYTYPE_DEVICE; return true;
        case cudaMemcpyDefault: *from = *to = CU_MEMORYTYPE_UNIFIED; return true;
    }
    return false;
}

// A pitched copy with one row: the driver checks for itself that each end lies where it is said to lie.
CUDA_MEMCPY2D pitched(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                      unsigned from_side, unsigned to_side) {
    CUDA_MEMCPY2D copy = {};
    copy.srcMemoryType = from_side;
    copy.dstMemoryType = to_side;
    copy.srcHost = from;
    copy.dstHost = to;
    copy.srcDevice = device_pointer(from);
    copy.dstDevice = device_pointer(to);
    copy.srcPitch = from_pitch;
    copy.dstPitch = to_pitch;
    copy.WidthInBytes = width;
    copy.Height = height;
    return copy;
}

// The bytes of a copy that lie inside the arguments of the call where an end is one; the driver is not asked for more.
size_t inside(const void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, const char *call) {
    if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice) bytes = inside_argument(to, bytes, true, call);
    if (kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice) bytes = inside_argument(from, bytes, false, call);
    return bytes;
}

// The same of a copy of `height` rows: how many whole rows lie inside.
size_t rows_inside(const CUDA_MEMCPY2D &copy, enum cudaMemcpyKind kind, const char *call) {
    size_t rows = copy.Height;
    auto limit = [&](const void *end, size_t pitch, bool writes) {
        size_t wanted = (rows - 1) * pitch + copy.WidthInBytes;
        size_t there = inside_argument(end, wanted, writes, call);
        if (there < wanted) rows = there < copy.WidthInBytes ? 0 : (there - copy.WidthInBytes) / pitch + 1;
    };
    if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice) limit(copy.dstHost, copy.dstPitch, true);
    if (rows && kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice) limit(copy.srcHost, copy.srcPitch, false);
    return rows;
}

CUresult copy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    switch (kind) {
        case cudaMemcpyHostToDevice: return driver.cuMemcpyHtoD_v2(device_pointer(to), from, bytes);
        case cudaMemcpyDeviceToHost: return driver.cuMemcpyDtoH_v2(to, device_pointer(from), bytes);
        case cudaMemcpyDeviceToDevice: return driver.cuMemcpyDtoD_v2(device_pointer(to), device_pointer(from), bytes);
        case cudaMemcpyDefault: return driver.cuMemcpy(device_pointer(to), device_pointer(from), bytes);
        case cudaMemcpyHostToHost: break;
    }
    if (kind != cudaMemcpyHostToHost) return cudaErrorInvalidMemcpyDirection;
    CUresult result = driver.cuCtxSynchronize();
    if (result == 0) memmove(to, from, bytes);
    return result;
}

CUresult copy_async(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, CUstream stream) {
    switch (kind) {
        case cudaMemcpyHostToDevice: return driver.cuMemcpyHtoDAsync_v2(device_pointer(to), from, bytes, stream);
        case cudaMemcpyDeviceToHost: return driver.cuMemcpyDtoHAsync_v2(to, device_pointer(from), bytes, stream);
        case cudaMemcpyDeviceToDevice:
            return driver.cuMemcpyDtoDAsync_v2(device_pointer(to), device_pointer(from), bytes, stream);
        case cudaMemcpyDefault: return driver.cuMemcpyAsync(device_pointer(to), device_pointer(from), bytes, stream);
        case cudaMemcpyHostToHost: break;
    }
    if (kind != cudaMemcpyHostToHost) return cudaErrorInvalidMemcpyDirection;
    CUresult result = driver.cuStreamSynchronize(stream);
    if (result == 0) memmove(to, from, bytes);
    return result;
}

}  // namespace

void free_leftovers() {
    for (auto &block : blocks) {
        if (block.second == Kind::pinned)
            driver.cuMemFreeHost(block.first);
        else
            driver.cuMemFree_v2(device_pointer(block.first));
    }
    blocks.clear();
}

cudaError_t malloc_managed(void **pointer, size_t bytes) {
    CUdeviceptr at = 0;
    if (bytes == 0) return fail(cudaErrorInvalidValue, "cudaMallocManaged");
    CUresult result = driver.cuMemAllocManaged(&at, bytes, CU_MEM_ATTACH_GLOBAL);
    cudaError_t error = filled(result, at, bytes, pointer, "cudaMallocManaged");
    if (error == cudaSuccess) driver.cuCtxSynchronize();  // the host may touch it at once
    return error;
}

}  // namespace musl

using namespace musl;

extern "C" {

cudaError_t cudaMalloc(void **pointer, size_t bytes) {
    CUdeviceptr at = 0;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    CUresult result = driver.cuMemAlloc_v2(&at, bytes);
    return filled(result, at, bytes, pointer, "cudaMalloc");
}

cudaError_t cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height) {
    *pitch = (width + 511) / 512 * 512;
    return cudaMalloc(pointer, *pitch * height);
}

// cudaHostAlloc's flags have the values of the driver's.
cudaError_t cudaHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    return pinned(pointer, bytes, flags | cudaHostAllocPortable, "cudaHostAlloc");
}
cudaError_t cudaMallocHost(void **pointer, size_t bytes) {
    return pinned(pointer, bytes, cudaHostAllocPortable | cudaHostAllocMapped, "cudaMallocHost");
}
cudaError_t cudaFreeHost(void *pointer) {
    return pointer ? forget(pointer, Kind::pinned, "cudaFreeHost") : cudaSuccess;
}
cudaError_t cudaFree(void *pointer) { return pointer ? forget(pointer, Kind::device, "cudaFree") : cudaSuccess; }
cudaError_t cudaFreeAsync(void *pointer, cudaStream_t stream) {
    if (CUresult result = driver.cuStreamSynchronize(stream)) return settle(result, "cudaFreeAsync");
    return cudaFree(pointer);
}

cudaError_t cudaHostRegister(void *pointer, size_t bytes, unsigned flags) {
    return settle(driver.cuMemHostRegister_v2(pointer, bytes, flags), "cudaHostRegister");
}
cudaError_t cudaHostUnregister(void *pointer) {
    return settle(driver.cuMemHostUnregister(pointer), "cudaHostUnregister");
}
cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned flags) {
    CUdeviceptr at = 0;
    CUresult result = driver.cuMemHostGetDevicePointer_v2(&at, host, flags);
    *device = reinterpret_cast<void *>(at);
    return settle(result, "cudaHostGetDevicePointer");
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
    bytes = inside(to, from, bytes, kind, "cudaMemcpy");
    return bytes ? settle(copy(to, from, bytes, kind), "cudaMemcpy") : cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
    bytes = inside(to, from, bytes, kind, "cudaMemcpyAsync");
    return bytes ? settle(copy_async(to, from, bytes, kind, stream), "cudaMemcpyAsync") : cudaSuccess;
}

cudaError_t cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                         enum cudaMemcpyKind kind) {
    unsigned from_side, to_side;
    if (width == 0 || height == 0) return cudaSuccess;
    if (to_pitch < width || from_pitch < width) return fail(cudaErrorInvalidPitchValue, "cudaMemcpy2D");
    if (!ends(kind, &from_side, &to_side)) return fail(cudaErrorInvalidMemcpyDirection, "cudaMemcpy2D");
    CUDA_MEMCPY2D copy = pitched(to, to_pitch, from, from_pitch, width, height, from_side, to_side);
    copy.Height = rows_inside(copy, kind, "cudaMemcpy2D");
    return copy.Height ? settle(driver.cuMemcpy2D_v2(&copy), "cudaMemcpy2D") : cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                              enum cudaMemcpyKind kind, cudaStream_t stream) {
    unsigned from_side, to_side;
    if (width == 0 || height == 0) return cudaSuccess;
    if (to_pitch < width || from_pitch < width) return fail(cudaErrorInvalidPitchValue, "cudaMemcpy2DAsync");
    if (!ends(kind, &from_side, &to_side)) return fail(cudaErrorInvalidMemcpyDirection, "cudaMemcpy2DAsync");
    CUDA_MEMCPY2D copy = pitched(to, to_pitch, from, from_pitch, width, height, from_side, to_side);
    copy.Height = rows_inside(copy, kind, "cudaMemcpy2DAsync");
    return copy.Height ? settle(driver.cuMemcpy2DAsync_v2(&copy, stream), "cudaMemcpy2DAsync") : cudaSuccess;
}

cudaError_t cudaMemset(void *pointer, int value, size_t bytes) {
    auto byte = static_cast<unsigned char>(value);
    return bytes ? settle(driver.cuMemsetD8_v2(device_pointer(pointer), byte, bytes), "cudaMemset") : cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *pointer, int value, size_t bytes, cudaStream_t stream) {
    auto byte = static_cast<unsigned char>(value);
    if (bytes == 0) return cudaSuccess;
    return settle(driver.cuMemsetD8Async(device_pointer(pointer), byte, bytes, stream), "cudaMemsetAsync");
}
cudaError_t cudaMemset2D(void *pointer, size_t pitch, int value, size_t width, size_t height) {
    if (width == 0 || height == 0) return cudaSuccess;
    if (pitch < width) return fail(cudaErrorInvalidPitchValue, "cudaMemset2D");
    auto byte = static_cast<unsigned char>(value);
    return settle(driver.cuMemsetD2D8_v2(device_pointer(pointer), pitch, byte, width, height), "cudaMemset2D");
}
cudaError_t cudaMemset2DAsync(void *pointer, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
    if (width == 0 || height == 0) return cudaSuccess;
    if (pitch < width) return fail(cudaErrorInvalidPitchValue, "cudaMemset2DAsync");
    auto byte = static_cast<unsigned char>(value);
    return settle(driver.cuMemsetD2D8Async(device_pointer(pointer), pitch, byte, width, height, stream),
                  "cudaMemset2DAsync");
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
    return settle(driver.cuMemGetInfo_v2(free, total), "cudaMemGetInfo");
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *pointer) {
    unsigned type = 0, managed = 0;
    CUdeviceptr at = device_pointer(pointer);
    *attributes = {};
    if (driver.cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at) == 0) {
        driver.cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, at);
        attributes->type = managed                      ? cudaMemoryTypeManaged
                           : type == CU_MEMORYTYPE_HOST ? cudaMemoryTypeHost
                                                        : cudaMemoryTypeDevice;
    }
    void *address = const_cast<void *>(pointer);
    attributes->devicePointer = attributes->type == cudaMemoryTypeUnregistered ? nullptr : address;
    attributes->hostPointer = attributes->type == cudaMemoryTypeDevice ? nullptr : address;
    return cudaSuccess;
}

// Hints: they move pages and change no value.
cudaError_t cudaMemPrefetchAsync(const void *, size_t, int, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaMemAdvise(const void *, size_t, enum cudaMemoryAdvise, int) { return cudaSuccess; }

cudaError_t cudaDeviceReset(void) {
    CUresult result = driver.cuCtxSynchronize();
    if (result == 0) free_leftovers();
    take_last_error();
    return settle(result, "cudaDeviceReset");
}

}  // extern "C"
