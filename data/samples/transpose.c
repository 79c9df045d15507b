/* Transposition, out of place and in place. */

void transpose(int rows, int cols, const float *in, float *out)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < cols; c++)
            out[c * rows + r] = in[r * cols + c];
}

/* In place for square matrices: each pair (i, j), (j, i) is swapped once, by the iteration with j > i. */
void transpose_in_place(int n, double *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            double t = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = t;
        }
    }
}
