// Generated from data/samples/spmv_csr.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

/* Sparse matrix times vector, compressed sparse rows. */

/* Row i has the entries row_start[i] .. row_start[i + 1] - 1. */
// spmv_csr: parallel over i (line 6)
__global__ void spmv_csr_kernel(const int *__restrict__ row_start, const double *__restrict__ value, const double *__restrict__ x, const int *__restrict__ column, double *__restrict__ y, int rows) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += gridDim.x * blockDim.x) {
        double sum = 0.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            sum += value[e] * x[column[e]];
        }
        y[i] = sum;
    }
}

static void spmv_csr_sequential(int rows, const int *row_start, const int *column, const double *value, const double *x, double *y)
{
    for (int i = 0; i < rows; i++) {
        double sum = 0.0;
        for (int e = row_start[i]; e < row_start[i + 1]; e++)
            sum += value[e] * x[column[e]];
        y[i] = sum;
    }
}

static void spmv_csr_on_device(int *row_start, int *column, double *value, double *x, double *y, int rows) {
    {
        const dim3 block(256), grid(musl_blocks(rows, block.x, 65535));
        spmv_csr_kernel<<<grid, block>>>(row_start, value, x, column, y, rows);
        MUSL_CHECK(cudaGetLastError());
    }
}

void spmv_csr(int rows, const int *row_start, const int *column, const double *value, const double *x, double *y) {
    musl_range row_start_used = {0, 0}, column_used = {0, 0}, value_used = {0, 0}, x_used = {0, 0}, y_used = {0, 0};  // the elements that the loops use
    if (0 < rows) {
        row_start_used.add(0, rows - 1);
        row_start_used.add(1, rows);
        y_used.add(0, rows - 1);
    }
    for (int i = 0; i < rows; i++) {
        if (row_start[i] < row_start[i + 1]) {
            column_used.add(row_start[i], row_start[i + 1] - 1);
            value_used.add(row_start[i], row_start[i + 1] - 1);
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            x_used.add(column[e], column[e]);
        }
    }
    if ((row_start_used.empty() && column_used.empty() && value_used.empty() && x_used.empty() && y_used.empty()) ||
        musl_overlap((int *)row_start, row_start_used, y, y_used) ||
        musl_overlap((int *)column, column_used, y, y_used) ||
        musl_overlap((double *)value, value_used, y, y_used) ||
        musl_overlap((double *)x, x_used, y, y_used)) {  // the sequential path
        spmv_csr_sequential(rows, row_start, column, value, x, y);
        return;
    }
    auto d_row_start = musl_upload((int *)row_start, row_start_used, true);
    auto d_column = musl_upload((int *)column, column_used, true);
    auto d_value = musl_upload((double *)value, value_used, true);
    auto d_x = musl_upload((double *)x, x_used, true);
    auto d_y = musl_upload(y, y_used, false);
    spmv_csr_on_device((int *)d_row_start, (int *)d_column, (double *)d_value, (double *)d_x, (double *)d_y, rows);
    musl_download(y, d_y, y_used);
    musl_release(d_row_start, row_start_used);
    musl_release(d_column, column_used);
    musl_release(d_value, value_used);
    musl_release(d_x, x_used);
    musl_release(d_y, y_used);
}

/* Reciprocal of the diagonal, 1 where a row has none (Jacobi preconditioner). */
// csr_inverse_diagonal: parallel over i (line 17)
__global__ void csr_inverse_diagonal_kernel(const int *__restrict__ row_start, const int *__restrict__ column, const double *__restrict__ value, double *__restrict__ inverse, int rows) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows; i += gridDim.x * blockDim.x) {
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

static void csr_inverse_diagonal_sequential(int rows, const int *row_start, const int *column, const double *value, double *inverse)
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

static void csr_inverse_diagonal_on_device(int *row_start, int *column, double *value, double *inverse, int rows) {
    {
        const dim3 block(256), grid(musl_blocks(rows, block.x, 65535));
        csr_inverse_diagonal_kernel<<<grid, block>>>(row_start, column, value, inverse, rows);
        MUSL_CHECK(cudaGetLastError());
    }
}

void csr_inverse_diagonal(int rows, const int *row_start, const int *column, const double *value, double *inverse) {
    musl_range row_start_used = {0, 0}, column_used = {0, 0}, value_used = {0, 0}, inverse_used = {0, 0};  // the elements that the loops use
    if (0 < rows) {
        row_start_used.add(0, rows - 1);
        row_start_used.add(1, rows);
        inverse_used.add(0, rows - 1);
    }
    for (int i = 0; i < rows; i++) {
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            column_used.add(e, e);
            if (column[e] == i && value[e] != 0.0) break;
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            if (column[e] == i) {
                value_used.add(e, e);
            }
            if (column[e] == i && value[e] != 0.0) break;
        }
    }
    for (int i = 0; i < rows; i++) {
        for (int e = row_start[i]; e < row_start[i + 1]; e++) {
            if (column[e] == i && value[e] != 0.0) {
                value_used.add(e, e);
            }
            if (column[e] == i && value[e] != 0.0) break;
        }
    }
    if ((row_start_used.empty() && column_used.empty() && value_used.empty() && inverse_used.empty()) ||
        musl_overlap((int *)row_start, row_start_used, inverse, inverse_used) ||
        musl_overlap((int *)column, column_used, inverse, inverse_used) ||
        musl_overlap((double *)value, value_used, inverse, inverse_used)) {  // the sequential path
        csr_inverse_diagonal_sequential(rows, row_start, column, value, inverse);
        return;
    }
    auto d_row_start = musl_upload((int *)row_start, row_start_used, true);
    auto d_column = musl_upload((int *)column, column_used, true);
    auto d_value = musl_upload((double *)value, value_used, true);
    auto d_inverse = musl_upload(inverse, inverse_used, false);
    csr_inverse_diagonal_on_device((int *)d_row_start, (int *)d_column, (double *)d_value, (double *)d_inverse, rows);
    musl_download(inverse, d_inverse, inverse_used);
    musl_release(d_row_start, row_start_used);
    musl_release(d_column, column_used);
    musl_release(d_value, value_used);
    musl_release(d_inverse, inverse_used);
}

}  // extern "C"
