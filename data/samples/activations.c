/* Activation functions chosen at run time. */

#include <math.h>

enum activation { LINEAR, RELU, LEAKY, LOGISTIC, TANH_ACT };

static float activate(float x, enum activation kind)
{
    switch (kind) {
    case LINEAR:
        return x;
    case RELU:
        return x > 0.0f ? x : 0.0f;
    case LEAKY:
        return x > 0.0f ? x : 0.1f * x;
    case LOGISTIC:
        return 1.0f / (1.0f + expf(-x));
    case TANH_ACT:
        return tanhf(x);
    }
    return 0.0f;
}

void activate_array(int n, enum activation kind, float *x)
{
    for (int i = 0; i < n; ++i)
        x[i] = activate(x[i], kind);
}

/* Inverted dropout with a mask: dropped elements become 0, the rest is scaled up. */
void dropout(int n, const unsigned char *keep, float keep_probability, float *x)
{
    const float scale = 1.0f / keep_probability;
    for (int i = 0; i < n; ++i) {
        if (!keep[i]) {
            x[i] = 0.0f;
            continue;
        }
        x[i] *= scale;
    }
}
