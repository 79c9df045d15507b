/* Max pooling of `channels` images of h by w, windows of `size` by `size`, moved by `stride`. */

#include <float.h>

void maxpool(int channels, int h, int w, int size, int stride, const float *in, float *out, int *where)
{
    if (size <= 0 || stride <= 0 || h < size || w < size)
        return;
    const int out_h = (h - size) / stride + 1;
    const int out_w = (w - size) / stride + 1;
    for (int c = 0; c < channels; ++c) {
        for (int i = 0; i < out_h; ++i) {
            for (int j = 0; j < out_w; ++j) {
                float best = -FLT_MAX;
                int best_index = -1;
                for (int di = 0; di < size; ++di) {
                    for (int dj = 0; dj < size; ++dj) {
                        int index = (c * h + i * stride + di) * w + j * stride + dj;
                        if (in[index] > best) {
                            best = in[index];
                            best_index = index;
                        }
                    }
                }
                out[(c * out_h + i) * out_w + j] = best;
                where[(c * out_h + i) * out_w + j] = best_index; /* for the backward pass */
            }
        }
    }
}
