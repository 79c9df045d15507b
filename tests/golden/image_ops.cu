// Generated from data/samples/image_ops.cpp: see test_golden.py.

#ifndef MUSL_PRELUDE
#define MUSL_PRELUDE
// Helpers of the host wrappers that MuSL writes.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <vector>

// Every CUDA call is checked: an error names its place and ends the program.
#define MUSL_CHECK(call)                                                                              \
    do {                                                                                              \
        cudaError_t musl_error = (call);                                                              \
        if (musl_error != cudaSuccess) {                                                              \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorString(musl_error)); \
            abort();                                                                                  \
        }                                                                                             \
    } while (0)

// The elements of an array that the loops use: low to high - 1.
struct musl_range {
    long long low, high;
    void add(long long first, long long last) {
        if (low == high) {
            low = first;
            high = last + 1;
        }
        if (first < low) low = first;
        if (last + 1 > high) high = last + 1;
    }
    size_t count() const { return (size_t)(high - low); }
    bool empty() const { return low == high; }
    bool covers(const musl_range &other) const { return other.empty() || (low <= other.low && other.high <= high); }
};

template <typename A, typename B>
static bool musl_overlap(const A *a, const musl_range &ra, const B *b, const musl_range &rb) {
    if (ra.low == ra.high || rb.low == rb.high) return false;
    const char *a_first = (const char *)(a + ra.low), *a_end = (const char *)(a + ra.high);
    const char *b_first = (const char *)(b + rb.low), *b_end = (const char *)(b + rb.high);
    return a_first < b_end && b_first < a_end;
}

// A device copy of a[range.low .. range.high), addressed like `a` itself; null for a null or unused array.
template <typename T>
static T *musl_upload(const T *a, const musl_range &range, bool copy) {
    if (a == NULL || range.low == range.high) return NULL;
    T *device = NULL;
    MUSL_CHECK(cudaMalloc((void **)&device, range.count() * sizeof(T)));
    if (copy) MUSL_CHECK(cudaMemcpy(device, a + range.low, range.count() * sizeof(T), cudaMemcpyHostToDevice));
    return device - range.low;
}

template <typename T>
static void musl_download(T *a, const T *device, const musl_range &range) {
    if (device == NULL) return;
    MUSL_CHECK(cudaMemcpy(a + range.low, device + range.low, range.count() * sizeof(T), cudaMemcpyDeviceToHost));
}

template <typename T>
static void musl_release(T *device, const musl_range &range) {
    if (device != NULL) MUSL_CHECK(cudaFree((void *)(device + range.low)));
}

// Device memory that lives as long as its scope.
template <typename T>
struct musl_buffer {
    T *data;
    size_t count;
    explicit musl_buffer(size_t n, const T *values = NULL) : data(NULL), count(n) {
        MUSL_CHECK(cudaMalloc((void **)&data, n * sizeof(T)));
        if (values != NULL) MUSL_CHECK(cudaMemcpy(data, values, n * sizeof(T), cudaMemcpyHostToDevice));
    }
    ~musl_buffer() { MUSL_CHECK(cudaFree(data)); }
    musl_buffer(const musl_buffer &) = delete;
    musl_buffer &operator=(const musl_buffer &) = delete;
    std::vector<T> to_host() const {
        std::vector<T> values(count);
        MUSL_CHECK(cudaMemcpy(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }
};

// For each element of a range, the number (from 1) of the last iteration that writes it; 0 for none.
struct musl_ordered {
    musl_buffer<unsigned long long> memory;
    unsigned long long *data;
    explicit musl_ordered(const musl_range &range) : memory(range.count()), data(memory.data - range.low) {
        MUSL_CHECK(cudaMemset(memory.data, 0, range.count() * sizeof(unsigned long long)));
    }
};

// One element of device memory, for the host's own decisions.
template <typename T>
static T musl_read(const T *device) {
    T value;
    MUSL_CHECK(cudaMemcpy(&value, device, sizeof(T), cudaMemcpyDeviceToHost));
    return value;
}

// Blocks that cover `count` iterations, at least one and at most `most`: the kernels' loops stride over the rest.
static inline unsigned int musl_blocks(long long count, unsigned int block, unsigned int most) {
    long long blocks = (count + block - 1) / block;
    return blocks < 1 ? 1 : blocks > (long long)most ? most : (unsigned int)blocks;
}
#endif

// Image operations in C-like C++: bool, std::min and std::max, functional casts, constants.

#include <algorithm>
#include <cstdint>

namespace {

constexpr float kGammaScale = 1.0f / 255.0f;

inline std::uint8_t to_byte(float value)
{
    return std::uint8_t(std::min(std::max(value, 0.0f), 1.0f) * 255.0f + 0.5f);
}

} // namespace

// Brightness and contrast around middle grey.
static __device__ uint8_t to_byte_device(float value) {
    return (uint8_t)(min(max(value, 0.0f), 1.0f) * 255.0f + 0.5f);
}

// adjust: parallel over i (line 20)
__global__ void adjust_kernel(const uint8_t *__restrict__ in, uint8_t *__restrict__ out, int count, float kGammaScale, float contrast, float brightness) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        const float value = (float)in[i] * kGammaScale;
        out[i] = to_byte_device((value - 0.5f) * contrast + 0.5f + brightness);
    }
}

static void adjust_sequential(int count, const std::uint8_t *in, float brightness, float contrast, std::uint8_t *out)
{
    for (int i = 0; i < count; ++i) {
        const float value = float(in[i]) * kGammaScale;
        out[i] = to_byte((value - 0.5f) * contrast + 0.5f + brightness);
    }
}

static void adjust_on_device(uint8_t *in, uint8_t *out, int count, float brightness, float contrast) {
    {
        const dim3 block(256), grid(musl_blocks(count, block.x, 65535));
        adjust_kernel<<<grid, block>>>(in, out, count, kGammaScale, contrast, brightness);
        MUSL_CHECK(cudaGetLastError());
    }
}

void adjust(int count, const uint8_t *in, float brightness, float contrast, uint8_t *out) {
    musl_range in_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < count) {
        in_used.add(0, count - 1);
        out_used.add(0, count - 1);
    }
    if ((in_used.empty() && out_used.empty()) ||
        musl_overlap((uint8_t *)in, in_used, out, out_used)) {  // the sequential path
        adjust_sequential(count, in, brightness, contrast, out);
        return;
    }
    auto d_in = musl_upload((uint8_t *)in, in_used, true);
    auto d_out = musl_upload(out, out_used, false);
    adjust_on_device((uint8_t *)d_in, (uint8_t *)d_out, count, brightness, contrast);
    musl_download(out, d_out, out_used);
    musl_release(d_in, in_used);
    musl_release(d_out, out_used);
}

// Blends `top` over `bottom` where the mask says so; weights outside [0, 1] are clamped.
// blend: parallel over y (line 30), x (line 31)
__global__ void blend_kernel(float *__restrict__ out, const bool *__restrict__ mask, const float *__restrict__ bottom, const float *__restrict__ top, int height, int width, float w) {
    for (int y = blockIdx.y * blockDim.y + threadIdx.y; y < height; y += gridDim.y * blockDim.y) {
        for (int x = blockIdx.x * blockDim.x + threadIdx.x; x < width; x += gridDim.x * blockDim.x) {
            const int i = y * width + x;
            out[i] = mask[i] ? bottom[i] + w * (top[i] - bottom[i]) : bottom[i];
        }
    }
}

static void blend_sequential(int height, int width, const float *bottom, const float *top, const bool *mask, float weight, float *out)
{
    const float w = std::clamp(weight, 0.0f, 1.0f);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const int i = y * width + x;
            out[i] = mask[i] ? bottom[i] + w * (top[i] - bottom[i]) : bottom[i];
        }
    }
}

static void blend_on_device(float *bottom, float *top, bool *mask, float *out, int height, int width, float weight) {
    const float w = clamp(weight, 0.0f, 1.0f);
    {
        const dim3 block(32, 8), grid(musl_blocks(width, block.x, 4096), musl_blocks(height, block.y, 4096));
        blend_kernel<<<grid, block>>>(out, mask, bottom, top, height, width, w);
        MUSL_CHECK(cudaGetLastError());
    }
}

void blend(int height, int width, const float *bottom, const float *top, const bool *mask, float weight, float *out) {
    musl_range bottom_used = {0, 0}, top_used = {0, 0}, mask_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    if (0 < height && 0 < width) {
        bottom_used.add(0, (height - 1) * width + (width - 1));
        mask_used.add(0, (height - 1) * width + (width - 1));
        out_used.add(0, (height - 1) * width + (width - 1));
    }
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            if (mask[y * width + x]) {
                top_used.add(y * width + x, y * width + x);
            }
        }
    }
    if ((bottom_used.empty() && top_used.empty() && mask_used.empty() && out_used.empty()) ||
        musl_overlap((float *)bottom, bottom_used, out, out_used) ||
        musl_overlap((float *)top, top_used, out, out_used) ||
        musl_overlap((bool *)mask, mask_used, out, out_used)) {  // the sequential path
        blend_sequential(height, width, bottom, top, mask, weight, out);
        return;
    }
    auto d_bottom = musl_upload((float *)bottom, bottom_used, true);
    auto d_top = musl_upload((float *)top, top_used, true);
    auto d_mask = musl_upload((bool *)mask, mask_used, true);
    auto d_out = musl_upload(out, out_used, false);
    blend_on_device((float *)d_bottom, (float *)d_top, (bool *)d_mask, (float *)d_out, height, width, weight);
    musl_download(out, d_out, out_used);
    musl_release(d_bottom, bottom_used);
    musl_release(d_top, top_used);
    musl_release(d_mask, mask_used);
    musl_release(d_out, out_used);
}

// Halves an image: each output pixel is the mean of up to four input pixels.
// downsample: parallel over y (line 43), x (line 44)
__global__ void downsample_kernel(const float *__restrict__ in, float *__restrict__ out, int out_height, int out_width, int height, int width) {
    for (int y = blockIdx.y * blockDim.y + threadIdx.y; y < out_height; y += gridDim.y * blockDim.y) {
        for (int x = blockIdx.x * blockDim.x + threadIdx.x; x < out_width; x += gridDim.x * blockDim.x) {
            float sum = 0.0f;
            int pixels = 0;
            for (int sy = 2 * y; sy < min(2 * y + 2, height); sy++) {
                for (int sx = 2 * x; sx < min(2 * x + 2, width); sx++) {
                    sum += in[sy * width + sx];
                    pixels++;
                }
            }
            out[y * out_width + x] = sum / (float)pixels;
        }
    }
}

static void downsample_sequential(int height, int width, const float *in, float *out)
{
    const int out_height = (height + 1) / 2;
    const int out_width = (width + 1) / 2;
    for (int y = 0; y < out_height; ++y) {
        for (int x = 0; x < out_width; ++x) {
            float sum = 0.0f;
            int pixels = 0;
            for (int sy = 2 * y; sy < std::min(2 * y + 2, height); ++sy) {
                for (int sx = 2 * x; sx < std::min(2 * x + 2, width); ++sx) {
                    sum += in[sy * width + sx];
                    ++pixels;
                }
            }
            out[y * out_width + x] = sum / float(pixels);
        }
    }
}

static void downsample_on_device(float *in, float *out, int height, int width) {
    const int out_height = (height + 1) / 2;
    const int out_width = (width + 1) / 2;
    {
        const dim3 block(32, 8), grid(musl_blocks(out_width, block.x, 4096), musl_blocks(out_height, block.y, 4096));
        downsample_kernel<<<grid, block>>>(in, out, out_height, out_width, height, width);
        MUSL_CHECK(cudaGetLastError());
    }
}

void downsample(int height, int width, const float *in, float *out) {
    musl_range in_used = {0, 0}, out_used = {0, 0};  // the elements that the loops use
    for (int y = 0; y < (height + 1) / 2; y++) {
        for (int x = 0; x < (width + 1) / 2; x++) {
            if (2 * y < min(2 * y + 2, height) && 2 * x < min(2 * x + 2, width)) {
                in_used.add(2 * y * width + 2 * x, (min(2 * y + 2, height) - 1) * width + (min(2 * x + 2, width) - 1));
            }
        }
    }
    if (0 < (height + 1) / 2 && 0 < (width + 1) / 2) {
        out_used.add(0, ((height + 1) / 2 - 1) * ((width + 1) / 2) + ((width + 1) / 2 - 1));
    }
    if ((in_used.empty() && out_used.empty()) ||
        !(width >= 0) ||
        musl_overlap((float *)in, in_used, out, out_used)) {  // the sequential path
        downsample_sequential(height, width, in, out);
        return;
    }
    auto d_in = musl_upload((float *)in, in_used, true);
    auto d_out = musl_upload(out, out_used, false);
    downsample_on_device((float *)d_in, (float *)d_out, height, width);
    musl_download(out, d_out, out_used);
    musl_release(d_in, in_used);
    musl_release(d_out, out_used);
}
