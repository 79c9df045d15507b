/* NOT A GPU. A stand-in for NVIDIA's driver library, for tests of the worker process and its watchdog on machines that have no
 * device: "device memory" is host memory, a module is the names that are asked of it, and a launch does what the few kernels
 * below are written to do here, in C. It says so as the device's name. Nothing that it returns is evidence about a GPU. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long long CUdeviceptr;
typedef struct {
    char name[128];
} Named;

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, OPERATING_SYSTEM = 304, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };

static int lost;  /* the error that has lost the context, as on a device */
static int hangs; /* a kernel that never ends was launched */
static double clock_ms;
static unsigned most_shared = 49152;
static Named functions[64];
static struct {
    char name[128];
    void *memory;
    size_t bytes;
} variables[64];

static int answer(int error) { return lost ? lost : error; }

/* NVIDIA's driver gives up with this error where /proc is read-only; a file that every process may write stands for what it writes. */
int cuInit(unsigned flags) {
    FILE *name = flags == 0 ? fopen("/proc/self/comm", "w") : NULL;
    if (!name) return OPERATING_SYSTEM;
    fclose(name);
    return getenv("STANDIN_NO_DEVICE") ? 100 : OK;
}
int cuDriverGetVersion(int *version) {
    *version = 13000;
    return OK;
}
int cuGetErrorString(int error, const char **text) {
    static char words[64];
    snprintf(words, sizeof words, "error %d of the stand-in", error);
    *text = words;
    return OK;
}
int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? OK : 101;
}
int cuDeviceGetCount(int *count) {
    *count = 1;
    return OK;
}
int cuDeviceGetName(char *name, int size, int device) {
    (void)device;
    snprintf(name, (size_t)size, "stand-in, not a GPU");
    return OK;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    (void)device;
    *bytes = 1u << 30;
    return OK;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    static const int limits[] = {0, 1024, 1024, 1024, 64, 0x7fffffff, 65535, 65535, 49152, 65536, 32};
    (void)device;
    *value = attribute < 11 ? limits[attribute] : attribute == 75 ? 8 : attribute == 76 ? 0 : 1;
    return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
    (void)device;
    *context = &lost;
    return OK;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
    (void)device;
    return OK;
}
int cuCtxPushCurrent_v2(void *context) {
    (void)context;
    return OK;
}
int cuCtxPopCurrent_v2(void **context) {
    *context = &lost;
    return OK;
}
int cuCtxGetCurrent(void **context) {
    *context = &lost;
    return OK;
}
int cuCtxGetDevice(int *device) {
    *device = 0;
    return OK;
}
int cuCtxSetLimit(int limit, size_t value) {
    (void)limit, (void)value;
    return OK;
}
int cuCtxGetLimit(size_t *value, int limit) {
    (void)limit;
    *value = 1024;
    return OK;
}
int cuCtxSynchronize(void) {
    while (hangs) sleep(1);
    return answer(OK);
}

int cuModuleLoadData(void **module, const void *image) {
    if (memcmp(image, "\177ELF", 4) != 0) return INVALID_VALUE;
    memset(variables, 0, sizeof variables);
    *module = functions;
    return answer(OK);
}
int cuModuleUnload(void *module) {
    (void)module;
    return answer(OK);
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
    (void)module;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (functions[i].name[0] && strcmp(functions[i].name, name) != 0) continue;
        snprintf(functions[i].name, sizeof functions[i].name, "%s", name);
        *function = &functions[i];
        return answer(OK);
    }
    return NOT_FOUND;
}
int cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *bytes, void *module, const char *name) {
    (void)module;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (variables[i].name[0] && strcmp(variables[i].name, name) != 0) continue;
        if (!variables[i].memory) variables[i].memory = calloc(1, 4096);
        snprintf(variables[i].name, sizeof variables[i].name, "%s", name);
        *pointer = (CUdeviceptr)(uintptr_t)variables[i].memory;
        *bytes = 4096;
        return answer(OK);
    }
    return NOT_FOUND;
}

/* ---- memory */
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    *free_bytes = *total = 1u << 30;
    return answer(OK);
}
int cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes) {
    void *memory = bytes < (1u << 30) ? malloc(bytes) : NULL;
    *pointer = (CUdeviceptr)(uintptr_t)memory;
    return answer(memory ? OK : OUT_OF_MEMORY);
}
int cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes, unsigned flags) {
    (void)flags;
    return cuMemAlloc_v2(pointer, bytes);
}
int cuMemFree_v2(CUdeviceptr pointer) {
    free((void *)(uintptr_t)pointer);
    return answer(OK);
}
int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
    (void)flags;
    *pointer = malloc(bytes);
    return answer(*pointer ? OK : OUT_OF_MEMORY);
}
int cuMemFreeHost(void *pointer) {
    free(pointer);
    return answer(OK);
}
int cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned flags) {
    (void)pointer, (void)bytes, (void)flags;
    return answer(OK);
}
int cuMemHostUnregister(void *pointer) {
    (void)pointer;
    return answer(OK);
}
int cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *host, unsigned flags) {
    (void)flags;
    *device = (CUdeviceptr)(uintptr_t)host;
    return answer(OK);
}
int cuPointerGetAttribute(void *value, int attribute, CUdeviceptr pointer) {
    (void)attribute, (void)pointer;
    *(unsigned *)value = 0;
    return INVALID_VALUE;
}
int cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    if (!lost) memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return answer(OK);
}
int cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
    (void)stream;
    return cuMemcpy(to, from, bytes);
}
int cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes) { return cuMemcpy(to, (uintptr_t)from, bytes); }
int cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes) { return cuMemcpy((uintptr_t)to, from, bytes); }
int cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) { return cuMemcpy(to, from, bytes); }
int cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream) {
    return cuMemcpyAsync(to, (uintptr_t)from, bytes, stream);
}
int cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream) {
    return cuMemcpyAsync((uintptr_t)to, from, bytes, stream);
}
int cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
    return cuMemcpyAsync(to, from, bytes, stream);
}
/* As CUDA_MEMCPY2D of cuda.h. Both memories are one here, so the two addresses of an end are the same. */
typedef struct {
    size_t from_x, from_y;
    unsigned from_type;
    const void *from_host;
    CUdeviceptr from;
    void *from_array;
    size_t from_pitch;
    size_t to_x, to_y;
    unsigned to_type;
    void *to_host;
    CUdeviceptr to;
    void *to_array;
    size_t to_pitch;
    size_t width, height;
} Copy2D;
int cuMemcpy2D_v2(const Copy2D *copy) {
    for (size_t row = 0; row < copy->height; row++)
        cuMemcpy(copy->to + row * copy->to_pitch, copy->from + row * copy->from_pitch, copy->width);
    return answer(OK);
}
int cuMemcpy2DAsync_v2(const Copy2D *copy, void *stream) {
    (void)stream;
    return cuMemcpy2D_v2(copy);
}
int cuMemsetD8_v2(CUdeviceptr pointer, unsigned char value, size_t bytes) {
    if (!lost) memset((void *)(uintptr_t)pointer, value, bytes);
    return answer(OK);
}
int cuMemsetD8Async(CUdeviceptr pointer, unsigned char value, size_t bytes, void *stream) {
    (void)stream;
    return cuMemsetD8_v2(pointer, value, bytes);
}
int cuMemsetD2D8_v2(CUdeviceptr pointer, size_t pitch, unsigned char value, size_t width, size_t height) {
    for (size_t row = 0; row < height; row++) cuMemsetD8_v2(pointer + row * pitch, value, width);
    return answer(OK);
}
int cuMemsetD2D8Async(CUdeviceptr pointer, size_t pitch, unsigned char value, size_t width, size_t height, void *stream) {
    (void)stream;
    return cuMemsetD2D8_v2(pointer, pitch, value, width, height);
}

/* ---- streams and events: work is done when it is asked for; an event holds a clock that launches move on by 1 ms */
int cuStreamCreate(void **stream, unsigned flags) {
    (void)flags;
    *stream = malloc(1);
    return answer(OK);
}
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    (void)priority;
    return cuStreamCreate(stream, flags);
}
int cuStreamDestroy_v2(void *stream) {
    free(stream);
    return answer(OK);
}
int cuStreamSynchronize(void *stream) {
    (void)stream;
    return cuCtxSynchronize();
}
int cuStreamQuery(void *stream) {
    (void)stream;
    return answer(OK);
}
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    (void)stream, (void)event, (void)flags;
    return answer(OK);
}
int cuLaunchHostFunc(void *stream, void (*function)(void *), void *data) {
    (void)stream;
    function(data);
    return answer(OK);
}
int cuEventCreate(void **event, unsigned flags) {
    (void)flags;
    *event = calloc(1, sizeof(double));
    return answer(OK);
}
int cuEventDestroy_v2(void *event) {
    free(event);
    return answer(OK);
}
int cuEventRecord(void *event, void *stream) {
    (void)stream;
    *(double *)event = clock_ms;
    return answer(OK);
}
int cuEventSynchronize(void *event) {
    (void)event;
    return cuCtxSynchronize();
}
int cuEventQuery(void *event) {
    (void)event;
    return answer(OK);
}
int cuEventElapsedTime(float *ms, void *begin, void *end) {
    *ms = (float)(*(double *)end - *(double *)begin);
    return answer(OK);
}
int cuEventElapsedTime_v2(float *ms, void *begin, void *end) { return cuEventElapsedTime(ms, begin, end); }

/* ---- kernels */
int cuFuncGetAttribute(int *value, int attribute, void *function) {
    (void)function;
    *value = attribute == 0 ? 1024 : 0;
    return answer(OK);
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
    (void)function;
    if (attribute == 8) most_shared = (unsigned)value;
    return answer(OK);
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int block, size_t shared) {
    (void)function, (void)block, (void)shared;
    *blocks = 2;
    return answer(OK);
}
int cuOccupancyMaxPotentialBlockSize(int *grid, int *block, void *function, size_t (*size)(int), size_t shared, int limit) {
    (void)function, (void)size, (void)shared, (void)limit;
    *grid = 4;
    *block = 256;
    return answer(OK);
}

static void run(const char *name, void **arguments) {
    float *a = *(float **)arguments[0];
    if (strcmp(name, "scale") == 0) { /* a[i] = factor * a[i], factor a __constant__ */
        CUdeviceptr factor;
        size_t bytes;
        cuModuleGetGlobal_v2(&factor, &bytes, functions, "factor");
        for (int i = 0; i < *(int *)arguments[1]; i++) a[i] *= *(float *)(uintptr_t)factor;
    }
    if (strcmp(name, "fault") == 0) lost = ILLEGAL_ADDRESS;
    if (strcmp(name, "hang") == 0) hangs = 1;
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
    (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)stream, (void)extra;
    if (shared > most_shared) return INVALID_VALUE;
    if (!lost) run(((Named *)function)->name, arguments);
    clock_ms += 1;
    return answer(OK);
}
