/* Prefix sums. */

/* Inclusive scan: out[i] = x[0] + ... + x[i]. Each iteration needs the one before, but + is associative: a tool that
   knows parallel scans may use one. */
void inclusive_scan(int n, const int *x, int *out)
{
    int running = 0;
    for (int i = 0; i < n; i++) {
        running += x[i];
        out[i] = running;
    }
}

/* A scan along each row: sequential along the row, parallel across rows (one column pass of a summed-area table). */
void scan_rows(int rows, int cols, const unsigned *in, unsigned *out)
{
    for (int r = 0; r < rows; r++) {
        unsigned running = 0;
        for (int c = 0; c < cols; c++) {
            running += in[r * cols + c];
            out[r * cols + c] = running;
        }
    }
}
