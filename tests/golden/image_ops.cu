// Generated from data/samples/image_ops.cpp: see test_golden.py.
#include "prelude.cuh"

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
#ifndef MUSL_HAS_to_byte
#define MUSL_HAS_to_byte
static __device__ uint8_t to_byte_device(float value) {
    return (uint8_t)(musl_min(musl_max(value, 0.0f), 1.0f) * 255.0f + 0.5f);
}
#endif

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
    const float w = std::clamp(weight, 0.0f, 1.0f);
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
            if (2 * y < std::min(2 * y + 2, height) && 2 * x < std::min(2 * x + 2, width)) {
                in_used.add(2 * y * width + 2 * x, (std::min(2 * y + 2, height) - 1) * width + (std::min(2 * x + 2, width) - 1));
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
