// The rest of the CUDA runtime API: errors, the device, streams and events (work is done when a call returns, in order).
#include "internal.h"

using namespace musl;

struct CUevent_st {
    long long recorded = 0;
};
struct CUstream_st {
    unsigned flags = 0;
};

static cudaError_t bad(cudaError_t error, const char *place) {
    snprintf(last_error_place, sizeof last_error_place, "%s", place);
    return fail(error);
}

extern "C" {

cudaError_t cudaGetLastError(void) {
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}
cudaError_t cudaPeekAtLastError(void) { return last_error; }

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
#define MUSL_CASE(name, value, text) \
    case name: return text;
        MUSL_CUDA_ERRORS(MUSL_CASE)
#undef MUSL_CASE
    }
    return "unrecognized error code";
}

const char *cudaGetErrorName(cudaError_t error) {
    switch (error) {
#define MUSL_CASE(name, value, text) \
    case name: return #name;
        MUSL_CUDA_ERRORS(MUSL_CASE)
#undef MUSL_CASE
    }
    return "unrecognized error code";
}

cudaError_t cudaDeviceSynchronize(void) { return cudaSuccess; }
cudaError_t cudaSetDevice(int device) {
    return device == 0 ? cudaSuccess : bad(cudaErrorInvalidDevice, "cudaSetDevice: there is one device, 0");
}
cudaError_t cudaGetDevice(int *device) {
    *device = 0;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int *count) {
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaSetDeviceFlags(unsigned) { return cudaSuccess; }

// The figures of a device of compute capability 8.0, as the CUDA C++ Programming Guide's table of technical specifications
// has them.
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    if (device != 0) return bad(cudaErrorInvalidDevice, "cudaGetDeviceProperties: there is one device, 0");
    *properties = {};
    snprintf(properties->name, sizeof properties->name, "MuSL emulator");
    properties->totalGlobalMem = 4ull << 30;
    properties->sharedMemPerBlock = 48 << 10;
    properties->sharedMemPerBlockOptin = 163 << 10;
    properties->sharedMemPerMultiprocessor = 164 << 10;
    properties->regsPerBlock = properties->regsPerMultiprocessor = 65536;
    properties->warpSize = 32;
    properties->memPitch = 0x7fffffff;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    properties->maxGridSize[0] = 0x7fffffff;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->clockRate = 1410000;
    properties->memoryClockRate = 1215000;
    properties->memoryBusWidth = 5120;
    properties->l2CacheSize = 40 << 20;
    properties->totalConstMem = 64 << 10;
    properties->major = 8;
    properties->textureAlignment = 512;
    properties->deviceOverlap = properties->concurrentKernels = properties->asyncEngineCount = 1;
    properties->multiProcessorCount = 108;
    properties->canMapHostMemory = properties->unifiedAddressing = properties->managedMemory = 1;
    properties->maxThreadsPerMultiProcessor = 2048;
    properties->maxBlocksPerMultiProcessor = 32;
    properties->hostRegisterSupported = properties->canUseHostPointerForRegisteredMem = 1;
    properties->globalL1CacheSupported = properties->localL1CacheSupported = 1;
    properties->singleToDoublePrecisionPerfRatio = 2;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    cudaDeviceProp properties;
    if (cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock: *value = properties.maxThreadsPerBlock; break;
        case cudaDevAttrMaxBlockDimX: *value = properties.maxThreadsDim[0]; break;
        case cudaDevAttrMaxBlockDimY: *value = properties.maxThreadsDim[1]; break;
        case cudaDevAttrMaxBlockDimZ: *value = properties.maxThreadsDim[2]; break;
        case cudaDevAttrMaxGridDimX: *value = properties.maxGridSize[0]; break;
        case cudaDevAttrMaxGridDimY: *value = properties.maxGridSize[1]; break;
        case cudaDevAttrMaxGridDimZ: *value = properties.maxGridSize[2]; break;
        case cudaDevAttrMaxSharedMemoryPerBlock: *value = int(properties.sharedMemPerBlock); break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = int(properties.sharedMemPerBlockOptin); break;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = int(properties.sharedMemPerMultiprocessor); break;
        case cudaDevAttrMaxRegistersPerBlock: *value = properties.regsPerBlock; break;
        case cudaDevAttrMaxRegistersPerMultiprocessor: *value = properties.regsPerMultiprocessor; break;
        case cudaDevAttrMaxBlocksPerMultiprocessor: *value = properties.maxBlocksPerMultiProcessor; break;
        case cudaDevAttrMaxPitch: *value = int(properties.memPitch); break;
        case cudaDevAttrClockRate: *value = properties.clockRate; break;
        case cudaDevAttrMemoryClockRate: *value = properties.memoryClockRate; break;
        case cudaDevAttrGlobalMemoryBusWidth: *value = properties.memoryBusWidth; break;
        case cudaDevAttrL2CacheSize: *value = properties.l2CacheSize; break;
        case cudaDevAttrTextureAlignment: *value = int(properties.textureAlignment); break;
        case cudaDevAttrGpuOverlap: *value = properties.deviceOverlap; break;
        case cudaDevAttrAsyncEngineCount: *value = properties.asyncEngineCount; break;
        case cudaDevAttrConcurrentKernels: *value = properties.concurrentKernels; break;
        case cudaDevAttrCanMapHostMemory: *value = properties.canMapHostMemory; break;
        case cudaDevAttrUnifiedAddressing: *value = properties.unifiedAddressing; break;
        case cudaDevAttrHostRegisterSupported: *value = properties.hostRegisterSupported; break;
        case cudaDevAttrComputeMode:
        case cudaDevAttrEccEnabled:
        case cudaDevAttrIntegrated:
        case cudaDevAttrKernelExecTimeout:
        case cudaDevAttrPageableMemoryAccess:
        case cudaDevAttrMemoryPoolsSupported:
        case cudaDevAttrStreamPrioritiesSupported:
        case cudaDevAttrPciBusId:
        case cudaDevAttrPciDeviceId:
        case cudaDevAttrPciDomainId: *value = 0; break;
        case cudaDevAttrTotalConstantMemory: *value = int(properties.totalConstMem); break;
        case cudaDevAttrWarpSize: *value = properties.warpSize; break;
        case cudaDevAttrMultiProcessorCount: *value = properties.multiProcessorCount; break;
        case cudaDevAttrMaxThreadsPerMultiProcessor: *value = properties.maxThreadsPerMultiProcessor; break;
        case cudaDevAttrComputeCapabilityMajor: *value = properties.major; break;
        case cudaDevAttrComputeCapabilityMinor: *value = properties.minor; break;
        case cudaDevAttrManagedMemory: *value = properties.managedMemory; break;
        case cudaDevAttrConcurrentManagedAccess: *value = properties.concurrentManagedAccess; break;
        case cudaDevAttrCooperativeLaunch: *value = properties.cooperativeLaunch; break;
        default: return bad(cudaErrorInvalidValue, "cudaDeviceGetAttribute: an attribute that the emulator does not have");
    }
    return cudaSuccess;
}

cudaError_t cudaDeviceSetCacheConfig(enum cudaFuncCache) { return cudaSuccess; }
cudaError_t cudaDeviceSetSharedMemConfig(enum cudaSharedMemConfig) { return cudaSuccess; }
cudaError_t cudaDeviceSetLimit(enum cudaLimit, size_t) { return cudaSuccess; }
cudaError_t cudaDeviceGetLimit(size_t *value, enum cudaLimit limit) {
    *value = limit == cudaLimitStackSize ? 1024 : limit == cudaLimitPrintfFifoSize ? 1 << 20 : 8 << 20;
    return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version) { return cudaDriverGetVersion(version); }

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    *stream = new CUstream_st;
    return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) { return cudaStreamCreate(stream); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned, int) { return cudaStreamCreate(stream); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (!stream) return bad(cudaErrorInvalidResourceHandle, "cudaStreamDestroy of no stream");
    delete stream;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamQuery(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void *data, unsigned) {
    callback(stream, cudaSuccess, data);
    return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t function, void *data) {
    function(data);
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    *event = new CUevent_st;
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) { return cudaEventCreate(event); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    if (!event) return bad(cudaErrorInvalidResourceHandle, "cudaEventDestroy of no event");
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
    if (!event) return bad(cudaErrorInvalidResourceHandle, "cudaEventRecord of no event");
    event->recorded = ticks();
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    return event ? cudaSuccess : bad(cudaErrorInvalidResourceHandle, "cudaEventSynchronize of no event");
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    if (!start || !end || !start->recorded || !end->recorded)
        return bad(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime of an event that was not recorded");
    *milliseconds = float(double(end->recorded - start->recorded) * 1e-6);
    return cudaSuccess;
}
cudaError_t cudaProfilerStart(void) { return cudaSuccess; }
cudaError_t cudaProfilerStop(void) { return cudaSuccess; }

}  // extern "C"
