/* Images whose rows are padded: the pitch is the distance between rows in bytes. */

#include <stddef.h>

/* Adds two float images of `height` rows and `width` columns into a third, each with a pitch of its own. */
void add_pitched(int width, int height, const float *a, size_t a_pitch, const float *b, size_t b_pitch, float *out,
                 size_t out_pitch)
{
    for (int y = 0; y < height; y++) {
        const float *a_row = (const float *)((const char *)a + (size_t)y * a_pitch);
        const float *b_row = (const float *)((const char *)b + (size_t)y * b_pitch);
        float *out_row = (float *)((char *)out + (size_t)y * out_pitch);
        for (int x = 0; x < width; x++)
            out_row[x] = a_row[x] + b_row[x];
    }
}

/* Walks by pointers instead of subscripts: *p++ is an induction variable like any other. */
void copy_scaled(int n, float factor, const float *from, float *to)
{
    const float *p = from;
    float *q = to;
    for (int i = 0; i < n; i++)
        *q++ = factor * *p++;
}

void fill(int *first, int count, int value)
{
    while (count-- > 0)
        *first++ = value;
}
