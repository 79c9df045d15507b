// The functions of NVIDIA's driver that the runtime calls, loaded from libcuda.so.1 when a worker starts: nothing of CUDA is
// needed to build MuSL. Declared here as cuda.h has them (CUDA Driver API reference); the names are the exported ones, with
// the version that the binary interface of each has had since CUDA 4 or later.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct CUmod_st;
struct CUfunc_st;
struct CUstream_st;
struct CUevent_st;
struct CUarray_st;
typedef int CUresult;
typedef unsigned long long CUdeviceptr;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;

enum { CU_MEMORYTYPE_HOST = 1, CU_MEMORYTYPE_DEVICE = 2, CU_MEMORYTYPE_UNIFIED = 4 };
enum { CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2, CU_POINTER_ATTRIBUTE_IS_MANAGED = 8 };
enum {
    CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK = 0,
    CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1,
    CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES = 2,
    CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES = 3,
    CU_FUNC_ATTRIBUTE_NUM_REGS = 4,
    CU_FUNC_ATTRIBUTE_PTX_VERSION = 5,
    CU_FUNC_ATTRIBUTE_BINARY_VERSION = 6,
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8
};
enum { CU_MEM_ATTACH_GLOBAL = 1 };

struct CUDA_MEMCPY2D {
    size_t srcXInBytes, srcY;
    unsigned srcMemoryType;
    const void *srcHost;
    CUdeviceptr srcDevice;
    struct CUarray_st *srcArray;
    size_t srcPitch;
    size_t dstXInBytes, dstY;
    unsigned dstMemoryType;
    void *dstHost;
    CUdeviceptr dstDevice;
    struct CUarray_st *dstArray;
    size_t dstPitch;
    size_t WidthInBytes, Height;
};

#define MUSL_DRIVER_FUNCTIONS(X) \
    X(cuCtxSynchronize, (void)) \
    X(cuModuleLoadData, (CUmodule *, const void *)) \
    X(cuModuleUnload, (CUmodule)) \
    X(cuModuleGetFunction, (CUfunction *, CUmodule, const char *)) \
    X(cuModuleGetGlobal_v2, (CUdeviceptr *, size_t *, CUmodule, const char *)) \
    X(cuCtxGetDevice, (int *)) \
    X(cuCtxSetLimit, (int, size_t)) \
    X(cuCtxGetLimit, (size_t *, int)) \
    X(cuDriverGetVersion, (int *)) \
    X(cuDeviceGetCount, (int *)) \
    X(cuDeviceGetName, (char *, int, int)) \
    X(cuDeviceTotalMem_v2, (size_t *, int)) \
    X(cuDeviceGetAttribute, (int *, int, int)) \
    X(cuMemGetInfo_v2, (size_t *, size_t *)) \
    X(cuMemAlloc_v2, (CUdeviceptr *, size_t)) \
    X(cuMemAllocManaged, (CUdeviceptr *, size_t, unsigned)) \
    X(cuMemFree_v2, (CUdeviceptr)) \
    X(cuMemHostAlloc, (void **, size_t, unsigned)) \
    X(cuMemFreeHost, (void *)) \
    X(cuMemHostRegister_v2, (void *, size_t, unsigned)) \
    X(cuMemHostUnregister, (void *)) \
    X(cuMemHostGetDevicePointer_v2, (CUdeviceptr *, void *, unsigned)) \
    X(cuPointerGetAttribute, (void *, int, CUdeviceptr)) \
    X(cuMemcpy, (CUdeviceptr, CUdeviceptr, size_t)) \
    X(cuMemcpyAsync, (CUdeviceptr, CUdeviceptr, size_t, CUstream)) \
    X(cuMemcpyHtoD_v2, (CUdeviceptr, const void *, size_t)) \
    X(cuMemcpyDtoH_v2, (void *, CUdeviceptr, size_t)) \
    X(cuMemcpyDtoD_v2, (CUdeviceptr, CUdeviceptr, size_t)) \
    X(cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void *, size_t, CUstream)) \
    X(cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream)) \
    X(cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream)) \
    X(cuMemcpy2D_v2, (const CUDA_MEMCPY2D *)) \
    X(cuMemcpy2DAsync_v2, (const CUDA_MEMCPY2D *, CUstream)) \
    X(cuMemsetD8_v2, (CUdeviceptr, unsigned char, size_t)) \
    X(cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream)) \
    X(cuMemsetD2D8_v2, (CUdeviceptr, size_t, unsigned char, size_t, size_t)) \
    X(cuMemsetD2D8Async, (CUdeviceptr, size_t, unsigned char, size_t, size_t, CUstream)) \
    X(cuStreamCreate, (CUstream *, unsigned)) \
    X(cuStreamCreateWithPriority, (CUstream *, unsigned, int)) \
    X(cuStreamDestroy_v2, (CUstream)) \
    X(cuStreamSynchronize, (CUstream)) \
    X(cuStreamQuery, (CUstream)) \
    X(cuStreamWaitEvent, (CUstream, CUevent, unsigned)) \
    X(cuLaunchHostFunc, (CUstream, void (*)(void *), void *)) \
    X(cuEventCreate, (CUevent *, unsigned)) \
    X(cuEventDestroy_v2, (CUevent)) \
    X(cuEventRecord, (CUevent, CUstream)) \
    X(cuEventSynchronize, (CUevent)) \
    X(cuEventQuery, (CUevent)) \
    X(cuEventElapsedTime, (float *, CUevent, CUevent)) \
    X(cuFuncGetAttribute, (int *, int, CUfunction)) \
    X(cuFuncSetAttribute, (CUfunction, int, int)) \
    X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *, CUfunction, int, size_t)) \
    X(cuOccupancyMaxPotentialBlockSize, (int *, int *, CUfunction, size_t (*)(int), size_t, int)) \
    X(cuLaunchKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, \
                       void **, void **))

namespace musl {

struct Driver {
#define MUSL_POINTER(name, parameters) CUresult(*name) parameters;
    MUSL_DRIVER_FUNCTIONS(MUSL_POINTER)
#undef MUSL_POINTER
};
extern Driver driver;

// Null where every function was found, else the name of what is missing.
const char *load_driver();

}  // namespace musl
