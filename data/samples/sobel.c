/* Edge detection with the Sobel operator, constant tables and local arrays. */

#include <math.h>
#include <stdint.h>

static const int sobel_x[3][3] = {{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}};
static const int sobel_y[3][3] = {{-1, -2, -1}, {0, 0, 0}, {1, 2, 1}};

/* Gradient magnitude, saturated to a byte; the border is 0. */
void sobel(int height, int width, const uint8_t *image, uint8_t *edges)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            if (y == 0 || y == height - 1 || x == 0 || x == width - 1) {
                edges[y * width + x] = 0;
                continue;
            }
            int gx = 0, gy = 0;
            for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 3; j++) {
                    const int pixel = image[(y + i - 1) * width + (x + j - 1)];
                    gx += sobel_x[i][j] * pixel;
                    gy += sobel_y[i][j] * pixel;
                }
            }
            const float magnitude = sqrtf((float)(gx * gx + gy * gy));
            edges[y * width + x] = magnitude > 255.0f ? 255 : (uint8_t)magnitude;
        }
    }
}

/* Median of each 3 by 3 neighbourhood: a local array, sorted by insertion. */
void median3x3(int height, int width, const uint8_t *image, uint8_t *out)
{
    for (int y = 1; y < height - 1; y++) {
        for (int x = 1; x < width - 1; x++) {
            uint8_t v[9];
            int count = 0;
            for (int dy = -1; dy <= 1; dy++) {
                for (int dx = -1; dx <= 1; dx++) {
                    const uint8_t pixel = image[(y + dy) * width + x + dx];
                    int k = count++;
                    while (k > 0 && v[k - 1] > pixel) {
                        v[k] = v[k - 1];
                        k--;
                    }
                    v[k] = pixel;
                }
            }
            out[y * width + x] = v[4];
        }
    }
}
