// Generated from data/samples/floyd_warshall.c: see test_golden.py.
#include "prelude.cuh"

extern "C" {

/* All-pairs shortest paths and reachability.
 *
 * The loop over k stays sequential. Within one k, every (i, j) is independent where row k and column k do not
 * change. */

#define NO_PATH 1000000000

/* The textbook form. Row k and column k are rewritten with their own values unless dist[k][k] is negative (a negative
   cycle): a translation has to see to that case before it may run (i, j) in any order. */
// floyd_warshall: parallel over i (line 13), j (line 14)
__global__ void floyd_warshall_kernel1(int *__restrict__ dist, int n, int k) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            const int through = dist[i * n + k] + dist[k * n + j];
            if (through < dist[i * n + j]) dist[i * n + j] = through;
        }
    }
}

// floyd_warshall, line 13: in order, by one thread
__global__ void floyd_warshall_kernel2(int *__restrict__ dist, int n, int k) {
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            const int through = dist[i * n + k] + dist[k * n + j];
            if (through < dist[i * n + j]) dist[i * n + j] = through;
        }
    }
}

static void floyd_warshall_sequential(int n, int *dist)
{
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                const int through = dist[i * n + k] + dist[k * n + j];
                if (through < dist[i * n + j])
                    dist[i * n + j] = through;
            }
        }
    }
}

static void floyd_warshall_on_device(int *dist, int n) {
    for (int k = 0; k < n; k++) {
        if (musl_read(&dist[k * n + k]) >= 0) {
            const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
            floyd_warshall_kernel1<<<grid, block>>>(dist, n, k);
            MUSL_CHECK(cudaGetLastError());
        } else {
            const dim3 block(1), grid(1);
            floyd_warshall_kernel2<<<grid, block>>>(dist, n, k);
            MUSL_CHECK(cudaGetLastError());
        }
    }
}

void floyd_warshall(int n, int *dist) {
    musl_range dist_used = {0, 0};  // the elements that the loops use
    if (0 < n) {
        dist_used.add(0, (n - 1) * n + (n - 1));
    }
    if (dist_used.empty()) {  // the sequential path
        floyd_warshall_sequential(n, dist);
        return;
    }
    auto d_dist = musl_upload(dist, dist_used, true);
    floyd_warshall_on_device((int *)d_dist, n);
    musl_download(dist, d_dist, dist_used);
    musl_release(d_dist, dist_used);
}

/* Warshall's transitive closure; row k and column k are left out, since k itself adds nothing to them. */
// transitive_closure: parallel over i (line 27), j (line 28)
__global__ void transitive_closure_kernel(unsigned char *__restrict__ reach, int n, int k) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            if (i != k && j != k) {
                reach[i * n + j] |= reach[i * n + k] & reach[k * n + j];
            }
        }
    }
}

static void transitive_closure_sequential(int n, unsigned char *reach)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (i != k && j != k)
                    reach[i * n + j] |= reach[i * n + k] & reach[k * n + j];
}

static void transitive_closure_on_device(unsigned char *reach, int n) {
    for (int k = 0; k < n; k++) {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
        transitive_closure_kernel<<<grid, block>>>(reach, n, k);
        MUSL_CHECK(cudaGetLastError());
    }
}

void transitive_closure(int n, unsigned char *reach) {
    musl_range reach_used = {0, 0};  // the elements that the loops use
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                if (i != k && j != k) {
                    reach_used.add(i * n + k, i * n + k);
                    reach_used.add(k * n + j, k * n + j);
                    reach_used.add(i * n + j, i * n + j);
                }
            }
        }
    }
    if (reach_used.empty()) {  // the sequential path
        transitive_closure_sequential(n, reach);
        return;
    }
    auto d_reach = musl_upload(reach, reach_used, true);
    transitive_closure_on_device((unsigned char *)d_reach, n);
    musl_download(reach, d_reach, reach_used);
    musl_release(d_reach, reach_used);
}

/* Distances from edge weights: 0 on the diagonal, NO_PATH where there is no edge. */
// distances_from_weights: parallel over i (line 36), j (line 37)
__global__ void distances_from_weights_kernel(int *__restrict__ dist, const unsigned char *__restrict__ weight, int n) {
    for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < n; i += gridDim.y * blockDim.y) {
        for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n; j += gridDim.x * blockDim.x) {
            dist[i * n + j] = i == j ? 0 : weight[i * n + j] ? weight[i * n + j] : 1000000000;
        }
    }
}

static void distances_from_weights_sequential(int n, const unsigned char *weight, int *dist)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            dist[i * n + j] = i == j ? 0 : weight[i * n + j] ? weight[i * n + j] : NO_PATH;
}

static void distances_from_weights_on_device(unsigned char *weight, int *dist, int n) {
    {
        const dim3 block(32, 8), grid(musl_blocks(n, block.x, 4096), musl_blocks(n, block.y, 4096));
        distances_from_weights_kernel<<<grid, block>>>(dist, weight, n);
        MUSL_CHECK(cudaGetLastError());
    }
}

void distances_from_weights(int n, const unsigned char *weight, int *dist) {
    musl_range weight_used = {0, 0}, dist_used = {0, 0};  // the elements that the loops use
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            if (!(i == j)) {
                weight_used.add(i * n + j, i * n + j);
            }
        }
    }
    if (0 < n) {
        dist_used.add(0, (n - 1) * n + (n - 1));
    }
    if ((weight_used.empty() && dist_used.empty()) ||
        musl_overlap((unsigned char *)weight, weight_used, dist, dist_used)) {  // the sequential path
        distances_from_weights_sequential(n, weight, dist);
        return;
    }
    auto d_weight = musl_upload((unsigned char *)weight, weight_used, true);
    auto d_dist = musl_upload(dist, dist_used, false);
    distances_from_weights_on_device((unsigned char *)d_weight, (int *)d_dist, n);
    musl_download(dist, d_dist, dist_used);
    musl_release(d_weight, weight_used);
    musl_release(d_dist, dist_used);
}

}  // extern "C"
