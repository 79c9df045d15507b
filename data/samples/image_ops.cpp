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
void adjust(int count, const std::uint8_t *in, float brightness, float contrast, std::uint8_t *out)
{
    for (int i = 0; i < count; ++i) {
        const float value = float(in[i]) * kGammaScale;
        out[i] = to_byte((value - 0.5f) * contrast + 0.5f + brightness);
    }
}

// Blends `top` over `bottom` where the mask says so; weights outside [0, 1] are clamped.
void blend(int height, int width, const float *bottom, const float *top, const bool *mask, float weight, float *out)
{
    const float w = std::clamp(weight, 0.0f, 1.0f);
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const int i = y * width + x;
            out[i] = mask[i] ? bottom[i] + w * (top[i] - bottom[i]) : bottom[i];
        }
    }
}

// Halves an image: each output pixel is the mean of up to four input pixels.
void downsample(int height, int width, const float *in, float *out)
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
