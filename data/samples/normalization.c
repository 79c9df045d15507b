/* Normalization layers of neural networks. */

#include <math.h>

/* Batch normalization in inference: x is batch by channels by size, one mean and variance a channel. */
void batch_norm(int batch, int channels, int size, const float *mean, const float *variance, const float *gamma,
                const float *beta, float epsilon, float *x)
{
    for (int b = 0; b < batch; ++b)
        for (int c = 0; c < channels; ++c)
            for (int i = 0; i < size; ++i) {
                const int index = (b * channels + c) * size + i;
                x[index] = gamma[c] * (x[index] - mean[c]) / sqrtf(variance[c] + epsilon) + beta[c];
            }
}

/* Mean of each channel over batch and positions. */
void channel_means(int batch, int channels, int size, const float *x, float *mean)
{
    const float scale = 1.0f / (float)(batch * size);
    for (int c = 0; c < channels; ++c) {
        mean[c] = 0.0f;
        for (int b = 0; b < batch; ++b)
            for (int i = 0; i < size; ++i)
                mean[c] += x[(b * channels + c) * size + i];
        mean[c] *= scale;
    }
}

/* Softmax of each row, shifted by the row's largest element so that expf cannot overflow. */
void softmax_rows(int rows, int cols, const float *in, float *out)
{
    if (cols <= 0)
        return;
    for (int r = 0; r < rows; r++) {
        const float *x = in + r * cols;
        float *y = out + r * cols;
        float largest = x[0];
        for (int c = 1; c < cols; c++)
            largest = fmaxf(largest, x[c]);
        float sum = 0.0f;
        for (int c = 0; c < cols; c++) {
            y[c] = expf(x[c] - largest);
            sum += y[c];
        }
        for (int c = 0; c < cols; c++)
            y[c] /= sum;
    }
}
