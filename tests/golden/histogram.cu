// Generated from data/samples/histogram.c: see test_golden.py.
#include "prelude.cuh"

#include <stddef.h>
#include <stdint.h>

extern "C" {

/* Histograms: many iterations may meet in one bin. */


/* Counts of the 256 byte values; `bins` is cleared first. */
// histogram_bytes: parallel over b (line 9)
__global__ void histogram_bytes_kernel1(uint32_t *__restrict__ bins) {
    for (int b = blockIdx.x * blockDim.x + threadIdx.x; b < 256; b += gridDim.x * blockDim.x) {
        bins[b] = 0;
    }
}

// histogram_bytes: parallel over i (line 11)
__global__ void histogram_bytes_kernel2(uint32_t *__restrict__ bins, const uint8_t *__restrict__ bytes, size_t n) {
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (size_t)gridDim.x * blockDim.x) {
        atomicAdd(&bins[bytes[i]], (unsigned int)(1));
    }
}

static void histogram_bytes_sequential(size_t n, const uint8_t *bytes, uint32_t bins[256])
{
    for (int b = 0; b < 256; b++)
        bins[b] = 0;
    for (size_t i = 0; i < n; i++)
        bins[bytes[i]]++;
}

static void histogram_bytes_on_device(uint8_t *bytes, uint32_t *bins, size_t n) {
    {
        const dim3 block(256), grid(musl_blocks(256, block.x, 65535));
        histogram_bytes_kernel1<<<grid, block>>>(bins);
        MUSL_CHECK(cudaGetLastError());
    }
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        histogram_bytes_kernel2<<<grid, block>>>(bins, bytes, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void histogram_bytes(size_t n, const uint8_t *bytes, uint32_t *bins) {
    musl_range bytes_used = {0, 0}, bins_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        bytes_used.add(0, n - 1);
    }
    bins_used.add(0, 255);
    for (size_t i = 0; i < n; i++) {
        bins_used.add(bytes[i], bytes[i]);
    }
    if ((bytes_used.empty() && bins_used.empty()) ||
        musl_overlap((uint8_t *)bytes, bytes_used, bins, bins_used)) {  // the sequential path
        histogram_bytes_sequential(n, bytes, bins);
        return;
    }
    auto d_bytes = musl_upload((uint8_t *)bytes, bytes_used, true);
    auto d_bins = musl_upload(bins, bins_used, true);
    histogram_bytes_on_device((uint8_t *)d_bytes, (uint32_t *)d_bins, n);
    musl_download(bins, d_bins, bins_used);
    musl_release(d_bytes, bytes_used);
    musl_release(d_bins, bins_used);
}

/* Weights summed over `count` equal bins of [low, high); samples outside go to the bins at the ends. */
// histogram_weighted: parallel over i (line 22)
__global__ void histogram_weighted_kernel(const float *__restrict__ samples, float *__restrict__ bins, const float *__restrict__ weights, int n, float low, float scale, int count) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float position = (samples[i] - low) * scale;
        int bin;
        if (!(position > 0.0f)) {
            bin = 0;
        } else if (position >= (float)count) {
            bin = count - 1;
        } else {
            bin = (int)position;
        }
        if (bin >= count) {
            bin = count - 1;
        }
        atomicAdd(&bins[bin], weights[i]);
    }
}

static void histogram_weighted_sequential(int n, const float *samples, const float *weights, float low, float high, int count,
                        float *bins)
{
    if (count <= 0 || !(low < high))
        return;
    const float scale = (float)count / (high - low);
    for (int i = 0; i < n; i++) {
        float position = (samples[i] - low) * scale;
        int bin;
        if (!(position > 0.0f))
            bin = 0;
        else if (position >= (float)count)
            bin = count - 1;
        else
            bin = (int)position;
        if (bin >= count)
            bin = count - 1;
        bins[bin] += weights[i];
    }
}

static void histogram_weighted_on_device(float *samples, float *weights, float *bins, int n, float low, float high, int count) {
    if (count <= 0 || !(low < high)) {
        return;
    }
    const float scale = (float)count / (high - low);
    {
        const dim3 block(256), grid(musl_blocks(n, block.x, 65535));
        histogram_weighted_kernel<<<grid, block>>>(samples, bins, weights, n, low, scale, count);
        MUSL_CHECK(cudaGetLastError());
    }
}

void histogram_weighted(int n, const float *samples, const float *weights, float low, float high, int count, float *bins) {
    musl_range samples_used = {0, 0}, weights_used = {0, 0}, bins_used = {0, 0};  // the elements that the loops use
    if (0 < n && !(count <= 0 || !(low < high))) {
        samples_used.add(0, n - 1);
        weights_used.add(0, n - 1);
    }
    if (!(count <= 0 || !(low < high))) {
        for (int i = 0; i < n; i++) {
            bins_used.add((!((samples[i] - low) * ((float)count / (high - low)) > 0.0f) ? 0 : (samples[i] - low) * ((float)count / (high - low)) >= (float)count ? count - 1 : (int)((samples[i] - low) * ((float)count / (high - low)))) >= count ? count - 1 : !((samples[i] - low) * ((float)count / (high - low)) > 0.0f) ? 0 : (samples[i] - low) * ((float)count / (high - low)) >= (float)count ? count - 1 : (int)((samples[i] - low) * ((float)count / (high - low))), (!((samples[i] - low) * ((float)count / (high - low)) > 0.0f) ? 0 : (samples[i] - low) * ((float)count / (high - low)) >= (float)count ? count - 1 : (int)((samples[i] - low) * ((float)count / (high - low)))) >= count ? count - 1 : !((samples[i] - low) * ((float)count / (high - low)) > 0.0f) ? 0 : (samples[i] - low) * ((float)count / (high - low)) >= (float)count ? count - 1 : (int)((samples[i] - low) * ((float)count / (high - low))));
        }
    }
    if ((samples_used.empty() && weights_used.empty() && bins_used.empty()) ||
        musl_overlap((float *)samples, samples_used, bins, bins_used) ||
        musl_overlap((float *)weights, weights_used, bins, bins_used)) {  // the sequential path
        histogram_weighted_sequential(n, samples, weights, low, high, count, bins);
        return;
    }
    auto d_samples = musl_upload((float *)samples, samples_used, true);
    auto d_weights = musl_upload((float *)weights, weights_used, true);
    auto d_bins = musl_upload(bins, bins_used, true);
    histogram_weighted_on_device((float *)d_samples, (float *)d_weights, (float *)d_bins, n, low, high, count);
    musl_download(bins, d_bins, bins_used);
    musl_release(d_samples, samples_used);
    musl_release(d_weights, weights_used);
    musl_release(d_bins, bins_used);
}

}  // extern "C"
