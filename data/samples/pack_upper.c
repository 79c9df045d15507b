/* Packed storage of symmetric matrices. */

/* Upper triangle, row by row: the position k is i * n - i * (i - 1) / 2 + j - i. */
void pack_upper(int n, const double *a, double *packed)
{
    int k = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            packed[k++] = a[i * n + j];
}

void unpack_upper(int n, const double *packed, double *a)
{
    int k = 0;
    for (int i = 0; i < n; i++) {
        for (int j = i; j < n; j++) {
            a[i * n + j] = packed[k];
            a[j * n + i] = packed[k];
            k++;
        }
    }
}

/* Two channels woven into one: one output index through two inner loops. */
void interleave_blocks(int blocks, int left_size, int right_size, const float *left, const float *right, float *out)
{
    int index = 0;
    for (int b = 0; b < blocks; b++) {
        for (int i = 0; i < left_size; i++)
            out[index++] = left[b * left_size + i];
        for (int i = 0; i < right_size; i++)
            out[index++] = right[b * right_size + i];
    }
}
