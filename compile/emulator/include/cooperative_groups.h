// CUDA's cooperative groups over the emulator's barriers and warp operations: blocks, tiles of up to 32 threads, and the grid
// without its barrier.
#pragma once
#include "cuda_runtime.h"

namespace cooperative_groups {

class thread_block {
   public:
    void sync(int line = __builtin_LINE()) const { __syncthreads(line); }
    unsigned int size() const { return blockDim.x * blockDim.y * blockDim.z; }
    unsigned int num_threads() const { return size(); }
    unsigned int thread_rank() const {
        return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    }
    dim3 group_index() const { return blockIdx; }
    dim3 thread_index() const { return threadIdx; }
    dim3 group_dim() const { return blockDim; }
    dim3 dim_threads() const { return blockDim; }
};
static inline thread_block this_thread_block() { return {}; }
static inline void sync(const thread_block &block, int line = __builtin_LINE()) { block.sync(line); }

class grid_group {
   public:
    unsigned long long size() const {
        return (unsigned long long)gridDim.x * gridDim.y * gridDim.z * this_thread_block().size();
    }
    unsigned long long num_threads() const { return size(); }
    unsigned long long thread_rank() const {
        unsigned long long block = (blockIdx.z * gridDim.y + blockIdx.y) * (unsigned long long)gridDim.x + blockIdx.x;
        return block * this_thread_block().size() + this_thread_block().thread_rank();
    }
    bool is_valid() const { return false; }  // no launch is cooperative
};
static inline grid_group this_grid() { return {}; }

// N consecutive threads of a block, N a power of two up to 32.
template <unsigned int N, class Parent = void>
class thread_block_tile {
    static_assert(N > 0 && N <= 32 && (N & (N - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
    unsigned int rank() const { return this_thread_block().thread_rank(); }
    unsigned int first_lane() const { return rank() % 32 / N * N; }
    unsigned int mask() const { return (N == 32 ? ~0u : (1u << N) - 1) << first_lane(); }

   public:
    thread_block_tile() = default;
    template <class Other>
    thread_block_tile(const thread_block_tile<N, Other> &) {}
    void sync(int line = __builtin_LINE()) const { __syncwarp(mask(), line); }
    static constexpr unsigned int size() { return N; }
    static constexpr unsigned int num_threads() { return N; }
    unsigned int thread_rank() const { return rank() % N; }
    unsigned int meta_group_rank() const { return rank() / N; }
    unsigned int meta_group_size() const { return (this_thread_block().size() + N - 1) / N; }
    template <class T>
    T shfl(T value, int source, int line = __builtin_LINE()) const {
        return __shfl_sync(mask(), value, source, int(N), line);
    }
    template <class T>
    T shfl_up(T value, unsigned int delta, int line = __builtin_LINE()) const {
        return __shfl_up_sync(mask(), value, delta, int(N), line);
    }
    template <class T>
    T shfl_down(T value, unsigned int delta, int line = __builtin_LINE()) const {
        return __shfl_down_sync(mask(), value, delta, int(N), line);
    }
    template <class T>
    T shfl_xor(T value, int lanes, int line = __builtin_LINE()) const {
        return __shfl_xor_sync(mask(), value, lanes, int(N), line);
    }
    int any(int predicate, int line = __builtin_LINE()) const { return __any_sync(mask(), predicate, line); }
    int all(int predicate, int line = __builtin_LINE()) const { return __all_sync(mask(), predicate, line); }
    unsigned int ballot(int predicate, int line = __builtin_LINE()) const {
        return __ballot_sync(mask(), predicate, line) >> first_lane();
    }
};
template <unsigned int N>
thread_block_tile<N, thread_block> tiled_partition(const thread_block &) {
    return {};
}
template <unsigned int N, unsigned int M, class Parent>
thread_block_tile<N, thread_block_tile<M, Parent>> tiled_partition(const thread_block_tile<M, Parent> &) {
    static_assert(N <= M, "a tile of a tile is no larger");
    return {};
}
template <unsigned int N, class Parent>
void sync(const thread_block_tile<N, Parent> &tile, int line = __builtin_LINE()) {
    tile.sync(line);
}

template <class T>
struct plus {
    T operator()(T a, T b) const { return a + b; }
};
template <class T>
struct less {
    T operator()(T a, T b) const { return b < a ? b : a; }
};
template <class T>
struct greater {
    T operator()(T a, T b) const { return a < b ? b : a; }
};
template <unsigned int N, class Parent, class T, class Operation>
T reduce(const thread_block_tile<N, Parent> &tile, T value, Operation operation, int line = __builtin_LINE()) {
    for (unsigned int lanes = N / 2; lanes > 0; lanes /= 2) value = operation(value, tile.shfl_xor(value, int(lanes), line));
    return value;
}

}  // namespace cooperative_groups
