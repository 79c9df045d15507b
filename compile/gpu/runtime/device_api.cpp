// The rest of the CUDA runtime API over the driver: errors, the device, streams and events. Handles of streams and events are the
// driver's own, and so are the numbers of errors, attributes and limits.
#include "session.h"

using namespace musl;

extern "C" {

cudaError_t cudaGetLastError(void) { return take_last_error(); }
cudaError_t cudaPeekAtLastError(void) { return last_error(); }

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

cudaError_t cudaDeviceSynchronize(void) { return settle(driver.cuCtxSynchronize(), "cudaDeviceSynchronize"); }

// One device: the one that the worker made its context on.
cudaError_t cudaSetDevice(int device) {
    return device == 0 ? cudaSuccess : fail(cudaErrorInvalidDevice, "cudaSetDevice");
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

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int device) {
    if (device != 0) return fail(cudaErrorInvalidDevice, "cudaDeviceGetAttribute");
    int current = 0;
    driver.cuCtxGetDevice(&current);
    return settle(driver.cuDeviceGetAttribute(value, attribute, current), "cudaDeviceGetAttribute");
}

// Numbers of CUdevice_attribute (cuda.h).
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *properties, int device) {
    if (device != 0) return fail(cudaErrorInvalidDevice, "cudaGetDeviceProperties");
    int current = 0;
    driver.cuCtxGetDevice(&current);
    auto size = [](int attribute) { return static_cast<size_t>(device_attribute(attribute)); };
    *properties = {};
    driver.cuDeviceGetName(properties->name, sizeof properties->name, current);
    driver.cuDeviceTotalMem_v2(&properties->totalGlobalMem, current);
    properties->maxThreadsPerBlock = device_attribute(1);
    for (int i = 0; i < 3; i++) {
        properties->maxThreadsDim[i] = device_attribute(2 + i);
        properties->maxGridSize[i] = device_attribute(5 + i);
    }
    properties->sharedMemPerBlock = size(8);
    properties->totalConstMem = size(9);
    properties->warpSize = device_attribute(10);
    properties->memPitch = size(11);
    properties->regsPerBlock = device_attribute(12);
    properties->clockRate = device_attribute(13);
    properties->textureAlignment = size(14);
    properties->deviceOverlap = device_attribute(15);
    properties->multiProcessorCount = device_attribute(16);
    properties->kernelExecTimeoutEnabled = device_attribute(17);
    properties->integrated = device_attribute(18);
    properties->canMapHostMemory = device_attribute(19);
    properties->computeMode = device_attribute(20);
    properties->concurrentKernels = device_attribute(31);
    properties->ECCEnabled = device_attribute(32);
    properties->pciBusID = device_attribute(33);
    properties->pciDeviceID = device_attribute(34);
    properties->memoryClockRate = device_attribute(36);
    properties->memoryBusWidth = device_attribute(37);
    properties->l2CacheSize = device_attribute(38);
    properties->maxThreadsPerMultiProcessor = device_attribute(39);
    properties->asyncEngineCount = device_attribute(40);
    properties->unifiedAddressing = device_attribute(41);
    properties->pciDomainID = device_attribute(50);
    properties->major = device_attribute(75);
    properties->minor = device_attribute(76);
    properties->sharedMemPerMultiprocessor = size(81);
    properties->regsPerMultiprocessor = device_attribute(82);
    properties->managedMemory = device_attribute(83);
    properties->concurrentManagedAccess = device_attribute(89);
    properties->cooperativeLaunch = device_attribute(95);
    properties->sharedMemPerBlockOptin = size(97);
    return cudaSuccess;
}

cudaError_t cudaDeviceSetCacheConfig(enum cudaFuncCache) { return cudaSuccess; }
cudaError_t cudaDeviceSetSharedMemConfig(enum cudaSharedMemConfig) { return cudaSuccess; }
cudaError_t cudaDeviceSetLimit(enum cudaLimit limit, size_t value) {
    return settle(driver.cuCtxSetLimit(limit, value), "cudaDeviceSetLimit");
}
cudaError_t cudaDeviceGetLimit(size_t *value, enum cudaLimit limit) {
    return settle(driver.cuCtxGetLimit(value, limit), "cudaDeviceGetLimit");
}
cudaError_t cudaDriverGetVersion(int *version) {
    return settle(driver.cuDriverGetVersion(version), "cudaDriverGetVersion");
}
cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    return settle(driver.cuStreamCreate(stream, cudaStreamDefault), "cudaStreamCreate");
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    return settle(driver.cuStreamCreate(stream, flags), "cudaStreamCreateWithFlags");
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
    return settle(driver.cuStreamCreateWithPriority(stream, flags, priority), "cudaStreamCreateWithPriority");
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (!stream) return fail(cudaErrorInvalidResourceHandle, "cudaStreamDestroy");
    return settle(driver.cuStreamDestroy_v2(stream), "cudaStreamDestroy");
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return settle(driver.cuStreamSynchronize(stream), "cudaStreamSynchronize");
}
// "Not ready" is an answer and no error that sticks (CUDA Runtime API, cudaStreamQuery).
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    CUresult result = driver.cuStreamQuery(stream);
    return result == cudaErrorNotReady ? cudaErrorNotReady : settle(result, "cudaStreamQuery");
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    return settle(driver.cuStreamWaitEvent(stream, event, flags), "cudaStreamWaitEvent");
}
// Waits and calls on this thread: the driver would call on one of its own, where no call of the API is allowed either.
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void *data, unsigned) {
    cudaError_t error = cudaStreamSynchronize(stream);
    callback(stream, error, data);
    return error;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
    return settle(driver.cuLaunchHostFunc(stream, function, data), "cudaLaunchHostFunc");
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return settle(driver.cuEventCreate(event, cudaEventDefault), "cudaEventCreate");
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    return settle(driver.cuEventCreate(event, flags), "cudaEventCreateWithFlags");
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    if (!event) return fail(cudaErrorInvalidResourceHandle, "cudaEventDestroy");
    return settle(driver.cuEventDestroy_v2(event), "cudaEventDestroy");
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    if (!event) return fail(cudaErrorInvalidResourceHandle, "cudaEventRecord");
    return settle(driver.cuEventRecord(event, stream), "cudaEventRecord");
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (!event) return fail(cudaErrorInvalidResourceHandle, "cudaEventSynchronize");
    return settle(driver.cuEventSynchronize(event), "cudaEventSynchronize");
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    if (!event) return fail(cudaErrorInvalidResourceHandle, "cudaEventQuery");
    CUresult result = driver.cuEventQuery(event);
    return result == cudaErrorNotReady ? cudaErrorNotReady : settle(result, "cudaEventQuery");
}
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    if (!start || !end) return fail(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime");
    return settle(driver.cuEventElapsedTime(milliseconds, start, end), "cudaEventElapsedTime");
}
cudaError_t cudaProfilerStart(void) { return cudaSuccess; }
cudaError_t cudaProfilerStop(void) { return cudaSuccess; }

}  // extern "C"
