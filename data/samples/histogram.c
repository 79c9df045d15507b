/* Histograms: many iterations may meet in one bin. */

#include <stddef.h>
#include <stdint.h>

/* Counts of the 256 byte values; `bins` is cleared first. */
void histogram_bytes(size_t n, const uint8_t *bytes, uint32_t bins[256])
{
    for (int b = 0; b < 256; b++)
        bins[b] = 0;
    for (size_t i = 0; i < n; i++)
        bins[bytes[i]]++;
}

/* Weights summed over `count` equal bins of [low, high); samples outside go to the bins at the ends. */
void histogram_weighted(int n, const float *samples, const float *weights, float low, float high, int count,
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
