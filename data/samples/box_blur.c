/* Box blur of a byte image, in two passes through a scratch image; borders repeat the edge pixel. */

#include <stdint.h>

static int clamp_index(int i, int n)
{
    if (i < 0)
        return 0;
    return i < n ? i : n - 1;
}

void box_blur(int height, int width, int radius, const uint8_t *in, uint8_t *scratch, uint8_t *out)
{
    if (radius < 0)
        return;
    const int window = 2 * radius + 1;

    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            int sum = window / 2; /* rounds to nearest */
            for (int d = -radius; d <= radius; d++)
                sum += in[y * width + clamp_index(x + d, width)];
            scratch[y * width + x] = (uint8_t)(sum / window);
        }
    }

    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            int sum = window / 2;
            for (int d = -radius; d <= radius; d++)
                sum += scratch[clamp_index(y + d, height) * width + x];
            out[y * width + x] = (uint8_t)(sum / window);
        }
    }
}
