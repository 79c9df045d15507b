/* Sparse matrix times vector, compressed sparse rows. */

/* Row i has the entries row_start[i] .. row_start[i + 1] - 1. */
void spmv_csr(int rows, const int *row_start, const int *column, const double *value, const double *x, double *y)
{
    for (int i = 0; i < rows; i++) {
        double sum = 0.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++)
            sum += value[e] * x[column[e]];
        y[i] = sum;
    }
}

/* Reciprocal of the diagonal, 1 where a row has none (Jacobi preconditioner). */
void csr_inverse_diagonal(int rows, const int *row_start, const int *column, const double *value, double *inverse)
{
    for (int i = 0; i < rows; i++) {
        double d = 1.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            if (column[e] == i && value[e] != 0.0) {
                d = value[e];
                break;
            }
        }
        inverse[i] = 1.0 / d;
    }
}
