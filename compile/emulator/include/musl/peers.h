// What programs for several devices call: there is one, device 0, and another number is an error as it is on such a machine.
// And questions about streams and the device whose answers do not depend on what runs.
#pragma once

static inline cudaError_t cudaMemcpyPeer(void *to, int to_device, const void *from, int from_device, size_t bytes) {
    if (cudaError_t error = cudaSetDevice(to_device)) return error;
    if (cudaError_t error = cudaSetDevice(from_device)) return error;
    return cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToDevice);
}
static inline cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device, size_t bytes,
                                              cudaStream_t = nullptr) {
    return cudaMemcpyPeer(to, to_device, from, from_device, bytes);
}
static inline cudaError_t cudaDeviceCanAccessPeer(int *can, int device, int peer) {
    *can = 0;
    if (cudaError_t error = cudaSetDevice(device)) return error;
    return cudaSetDevice(peer);
}
// A device is no peer of itself.
static inline cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) { return cudaSetDevice(peer == 0 ? -1 : peer); }
static inline cudaError_t cudaDeviceDisablePeerAccess(int peer) { return cudaSetDevice(peer == 0 ? -1 : peer); }

static inline cudaError_t cudaInitDevice(int device, unsigned, unsigned) { return cudaSetDevice(device); }
static inline cudaError_t cudaChooseDevice(int *device, const struct cudaDeviceProp *) { return cudaGetDevice(device); }
static inline cudaError_t cudaGetDeviceFlags(unsigned *flags) {
    *flags = cudaDeviceScheduleAuto;
    return cudaSuccess;
}
static inline cudaError_t cudaHostGetFlags(unsigned *flags, void *) {
    *flags = cudaHostAllocMapped;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    if (least) *least = 0;
    if (greatest) *greatest = 0;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamGetPriority(cudaStream_t, int *priority) {
    *priority = 0;
    return cudaSuccess;
}
static inline cudaError_t cudaStreamGetDevice(cudaStream_t, int *device) { return cudaGetDevice(device); }
static inline cudaError_t cudaStreamAttachMemAsync(cudaStream_t, void *, size_t = 0, unsigned = cudaMemAttachSingle) {
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceGetCacheConfig(enum cudaFuncCache *config) {
    *config = cudaFuncCachePreferNone;
    return cudaSuccess;
}
static inline cudaError_t cudaDeviceGetSharedMemConfig(enum cudaSharedMemConfig *config) {
    *config = cudaSharedMemBankSizeFourByte;
    return cudaSuccess;
}
static inline cudaError_t cudaCtxResetPersistingL2Cache() { return cudaSuccess; }
