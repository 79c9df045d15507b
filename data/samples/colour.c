/* Colour conversion of byte images. */

#include <stdint.h>

typedef struct {
    uint8_t r, g, b;
} rgb_t;

typedef struct {
    float h, s, v;
} hsv_t;

/* ITU-R BT.601 luma in fixed point (weights of 256). */
void rgb_to_grey(int count, const uint8_t *rgb, uint8_t *grey)
{
    for (int i = 0; i < count; i++)
        grey[i] = (uint8_t)((77 * rgb[3 * i] + 150 * rgb[3 * i + 1] + 29 * rgb[3 * i + 2] + 128) >> 8);
}

/* Hue in degrees [0, 360), saturation and value in [0, 1]. */
void rgb_to_hsv(int count, const rgb_t *pixels, hsv_t *out)
{
    for (int i = 0; i < count; i++) {
        const rgb_t p = pixels[i];
        const int high = p.r > p.g ? (p.r > p.b ? p.r : p.b) : (p.g > p.b ? p.g : p.b);
        const int low = p.r < p.g ? (p.r < p.b ? p.r : p.b) : (p.g < p.b ? p.g : p.b);
        const float range = (float)(high - low);
        float hue = 0.0f;
        if (range > 0.0f) {
            if (high == p.r)
                hue = 60.0f * (float)(p.g - p.b) / range;
            else if (high == p.g)
                hue = 60.0f * (float)(p.b - p.r) / range + 120.0f;
            else
                hue = 60.0f * (float)(p.r - p.g) / range + 240.0f;
            if (hue < 0.0f)
                hue += 360.0f;
        }
        out[i].h = hue;
        out[i].s = high > 0 ? range / (float)high : 0.0f;
        out[i].v = (float)high / 255.0f;
    }
}

/* Photographic negative, in place. */
void invert(int count, rgb_t *pixels)
{
    for (int i = 0; i < count; i++) {
        pixels[i].r = (uint8_t)(255 - pixels[i].r);
        pixels[i].g = (uint8_t)(255 - pixels[i].g);
        pixels[i].b = (uint8_t)(255 - pixels[i].b);
    }
}
