/* Two-dimensional convolution with zero padding. */

/* `mask` has (2 * radius + 1)^2 weights; the image is height by width, row-major. */
void conv2d(int height, int width, const float *image, int radius, const float *mask, float *out)
{
    const int side = 2 * radius + 1;
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            float sum = 0.0f;
            for (int dy = -radius; dy <= radius; dy++) {
                for (int dx = -radius; dx <= radius; dx++) {
                    const int sy = y + dy;
                    const int sx = x + dx;
                    if (sy < 0 || sy >= height || sx < 0 || sx >= width)
                        continue;
                    sum += image[sy * width + sx] * mask[(dy + radius) * side + dx + radius];
                }
            }
            out[y * width + x] = sum;
        }
    }
}

/* A batch of images with several channels, 3 by 3 filters, no padding: five parallel loops around a reduction. */
void conv2d_layer(int batch, int channels, int filters, int h, int w, const float *in, const float *weights, float *out)
{
    const int oh = h - 2;
    const int ow = w - 2;
    for (int b = 0; b < batch; b++)
        for (int f = 0; f < filters; f++)
            for (int y = 0; y < oh; y++)
                for (int x = 0; x < ow; x++) {
                    float sum = 0.0f;
                    for (int c = 0; c < channels; c++)
                        for (int ky = 0; ky < 3; ky++)
                            for (int kx = 0; kx < 3; kx++)
                                sum += in[((b * channels + c) * h + y + ky) * w + x + kx]
                                       * weights[((f * channels + c) * 3 + ky) * 3 + kx];
                    out[((b * filters + f) * oh + y) * ow + x] = sum > 0.0f ? sum : 0.0f;
                }
}
