// Generated from data/samples/life.c: see test_golden.py.
#include "prelude.cuh"

#include <stdint.h>

extern "C" {

/* Conway's Game of Life on a torus. A cell is 1 or 0. */


// life_step: parallel over r (line 7), c (line 8)
__global__ void life_step_kernel(const uint8_t *__restrict__ now, uint8_t *__restrict__ next, int rows, int cols) {
    for (int r = blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += gridDim.y * blockDim.y) {
        for (int c = blockIdx.x * blockDim.x + threadIdx.x; c < cols; c += gridDim.x * blockDim.x) {
            int neighbours = 0;
            for (int dr = -1; dr < 2; dr++) {
                for (int dc = -1; dc < 2; dc++) {
                    if (dr != 0 || dc != 0) {
                        neighbours += now[(r + dr + rows) % rows * cols + (c + dc + cols) % cols];
                    }
                }
            }
            switch (neighbours) {
            case 2:
                next[r * cols + c] = now[r * cols + c];
                break;
            case 3:
                next[r * cols + c] = 1;
                break;
            default:
                next[r * cols + c] = 0;
            }
        }
    }
}

static void life_step_sequential(int rows, int cols, const uint8_t *now, uint8_t *next)
{
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            int neighbours = 0;
            for (int dr = -1; dr <= 1; dr++)
                for (int dc = -1; dc <= 1; dc++)
                    if (dr != 0 || dc != 0)
                        neighbours += now[(r + dr + rows) % rows * cols + (c + dc + cols) % cols];

            switch (neighbours) {
            case 2:
                next[r * cols + c] = now[r * cols + c];
                break;
            case 3:
                next[r * cols + c] = 1;
                break;
            default:
                next[r * cols + c] = 0;
            }
        }
    }
}

static void life_step_on_device(uint8_t *now, uint8_t *next, int rows, int cols) {
    {
        const dim3 block(32, 8), grid(musl_blocks(cols, block.x, 4096), musl_blocks(rows, block.y, 4096));
        life_step_kernel<<<grid, block>>>(now, next, rows, cols);
        MUSL_CHECK(cudaGetLastError());
    }
}

void life_step(int rows, int cols, const uint8_t *now, uint8_t *next) {
    musl_range now_used = {0, 0}, next_used = {0, 0};  // the elements that the loops use
    musl_range now_possible = {0, 0};  // what they may use, by conditions that only they know
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            for (int dr = -1; dr < 2; dr++) {
                for (int dc = -1; dc < 2; dc++) {
                    if (dr != 0 || dc != 0) {
                        now_used.add((r + dr + rows) % rows * cols + (c + dc + cols) % cols, (r + dr + rows) % rows * cols + (c + dc + cols) % cols);
                    }
                }
            }
        }
    }
    if (0 < rows && 0 < cols) {
        next_used.add(0, (rows - 1) * cols + (cols - 1));
    }
    if (0 < rows && 0 < cols) {
        now_possible.add(0, (rows - 1) * cols + (cols - 1));
    }
    if ((now_used.empty() && next_used.empty()) ||
        !now_used.covers(now_possible) ||
        musl_overlap((uint8_t *)now, now_used, next, next_used)) {  // the sequential path
        life_step_sequential(rows, cols, now, next);
        return;
    }
    auto d_now = musl_upload((uint8_t *)now, now_used, true);
    auto d_next = musl_upload(next, next_used, true);
    life_step_on_device((uint8_t *)d_now, (uint8_t *)d_next, rows, cols);
    musl_download(next, d_next, next_used);
    musl_release(d_now, now_used);
    musl_release(d_next, next_used);
}

struct life_population_kernel_result {
    long alive;
};

static inline __host__ __device__ void life_population_kernel_combine(life_population_kernel_result &a, const life_population_kernel_result &b) {
    a.alive = a.alive + b.alive;
}

// life_population: parallel over i (line 32)
__global__ void life_population_kernel(const uint8_t *__restrict__ cells, int rows, int cols, life_population_kernel_result *result) {
    __shared__ life_population_kernel_result shared[256];
    long alive = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rows * cols; i += gridDim.x * blockDim.x) {
        if (cells[i]) {
            alive++;
        }
    }

    // Combine the threads of the block pairwise, in an order that does not depend on timing.
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    shared[thread].alive = alive;
    __syncthreads();
    for (int width = blockDim.x * blockDim.y * blockDim.z; width > 1; width = (width + 1) / 2) {
        if (thread < width / 2) life_population_kernel_combine(shared[thread], shared[thread + (width + 1) / 2]);
        __syncthreads();
    }
    if (thread == 0) result[(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x] = shared[0];
}

static long life_population_sequential(int rows, int cols, const uint8_t *cells)
{
    long alive = 0;
    for (int i = 0; i < rows * cols; i++)
        if (cells[i])
            ++alive;
    return alive;
}

static long life_population_on_device(uint8_t *cells, int rows, int cols) {
    long alive = 0;
    {
        const dim3 block(256), grid(musl_blocks(rows * cols, block.x, 512));
        musl_buffer<life_population_kernel_result> results((size_t)grid.x * grid.y * grid.z);
        life_population_kernel<<<grid, block>>>(cells, rows, cols, results.data);
        MUSL_CHECK(cudaGetLastError());
        std::vector<life_population_kernel_result> parts = results.to_host();
        for (size_t i = 1; i < parts.size(); i++) life_population_kernel_combine(parts[0], parts[i]);
        alive = alive + parts[0].alive;
    }
    return alive;
}

long life_population(int rows, int cols, const uint8_t *cells) {
    musl_range cells_used = {0, 0};  // the elements that the loops use
    if (0 < rows * cols) {
        cells_used.add(0, rows * cols - 1);
    }
    if (cells_used.empty()) {  // the sequential path
        return life_population_sequential(rows, cols, cells);
    }
    auto d_cells = musl_upload((uint8_t *)cells, cells_used, true);
    long result = life_population_on_device((uint8_t *)d_cells, rows, cols);
    musl_release(d_cells, cells_used);
    return result;
}

}  // extern "C"
