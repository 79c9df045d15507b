// Copies and allocations of three dimensions, as those of two one layer after the other. Arrays (cudaArray) are not had.
#pragma once

static inline struct cudaPitchedPtr make_cudaPitchedPtr(void *pointer, size_t pitch, size_t xsize, size_t ysize) {
    return cudaPitchedPtr{pointer, pitch, xsize, ysize};
}
static inline struct cudaPos make_cudaPos(size_t x, size_t y, size_t z) { return cudaPos{x, y, z}; }

static inline cudaError_t cudaMalloc3D(struct cudaPitchedPtr *pitched, struct cudaExtent extent) {
    pitched->xsize = extent.width;
    pitched->ysize = extent.height;
    return cudaMallocPitch(&pitched->ptr, &pitched->pitch, extent.width, extent.height * extent.depth);
}

static inline cudaError_t cudaMemset3D(struct cudaPitchedPtr pitched, int value, struct cudaExtent extent) {
    for (size_t z = 0; z < extent.depth; z++) {
        char *layer = static_cast<char *>(pitched.ptr) + z * pitched.ysize * pitched.pitch;
        if (cudaError_t error = cudaMemset2D(layer, pitched.pitch, value, extent.width, extent.height)) return error;
    }
    return cudaSuccess;
}
static inline cudaError_t cudaMemset3DAsync(struct cudaPitchedPtr pitched, int value, struct cudaExtent extent,
                                            cudaStream_t = nullptr) {
    return cudaMemset3D(pitched, value, extent);
}

static inline cudaError_t cudaMemcpy3D(const struct cudaMemcpy3DParms *copy) {
    auto layer = [](const struct cudaPitchedPtr &pitched, const struct cudaPos &position, size_t z) {
        size_t row = (position.z + z) * pitched.ysize + position.y;
        return static_cast<char *>(pitched.ptr) + row * pitched.pitch + position.x;
    };
    for (size_t z = 0; z < copy->extent.depth; z++) {
        cudaError_t error = cudaMemcpy2D(layer(copy->dstPtr, copy->dstPos, z), copy->dstPtr.pitch,
                                         layer(copy->srcPtr, copy->srcPos, z), copy->srcPtr.pitch, copy->extent.width,
                                         copy->extent.height, copy->kind);
        if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
}
static inline cudaError_t cudaMemcpy3DAsync(const struct cudaMemcpy3DParms *copy, cudaStream_t = nullptr) {
    return cudaMemcpy3D(copy);
}
