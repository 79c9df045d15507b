// CUDA's cooperative groups over the emulator's barriers and warp operations: blocks, tiles of up to 32 threads, coalesced
// groups, and the grid without its barrier.
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
    dim3 group_dim() const { return gridDim; }
    dim3 dim_blocks() const { return gridDim; }
    dim3 block_index() const { return blockIdx; }
    unsigned long long num_blocks() const { return (unsigned long long)gridDim.x * gridDim.y * gridDim.z; }
    unsigned long long block_rank() const {
        return ((unsigned long long)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    }
    __attribute__((error("MUSL304 a barrier of the whole grid"))) void sync() const;
};
static inline grid_group this_grid() { return {}; }

namespace musl_details {
inline unsigned int lane() { return this_thread_block().thread_rank() % 32; }
inline unsigned int lanes_below() { return (1u << lane()) - 1; }
// The lane that has this rank in the mask; its last one where the mask has fewer.
inline unsigned int lane_of_rank(unsigned int mask, unsigned int rank) {
    unsigned int last = 0;
    for (unsigned int lane = 0; lane < 32; lane++) {
        if (!(mask >> lane & 1)) continue;
        last = lane;
        if (rank-- == 0) break;
    }
    return last;
}
// Bits of a warp's lanes --> bits by rank in the mask.
inline unsigned int by_rank(unsigned int mask, unsigned int bits) {
    unsigned int packed = 0, rank = 0;
    for (unsigned int lane = 0; lane < 32; lane++)
        if (mask >> lane & 1) packed |= (bits >> lane & 1) << rank++;
    return packed;
}
// A shuffle of a value of any size, eight bytes at a time.
template <class T>
T shuffle(unsigned int mask, const T &value, unsigned int source_lane, int line) {
    T result = value;
    for (size_t at = 0; at < sizeof(T); at += 8) {
        unsigned long long bits = 0;
        size_t bytes = sizeof(T) - at < 8 ? sizeof(T) - at : 8;
        __builtin_memcpy(&bits, reinterpret_cast<const char *>(&value) + at, bytes);
        bits = __shfl_sync(mask, bits, int(source_lane), 32, line);
        __builtin_memcpy(reinterpret_cast<char *>(&result) + at, &bits, bytes);
    }
    return result;
}

// Threads of one warp, by the mask of their lanes.
class lanes_group {
   public:
    void sync(int line = __builtin_LINE()) const { __syncwarp(mask, line); }
    unsigned int size() const { return unsigned(__popc(mask)); }
    unsigned int num_threads() const { return size(); }
    unsigned int thread_rank() const { return unsigned(__popc(mask & lanes_below())); }
    template <class T>
    T shfl(T value, unsigned int source, int line = __builtin_LINE()) const {
        return shuffle(mask, value, lane_of_rank(mask, source % size()), line);
    }
    template <class T>
    T shfl_up(T value, unsigned int delta, int line = __builtin_LINE()) const {
        unsigned int rank = thread_rank();
        return shuffle(mask, value, lane_of_rank(mask, rank >= delta ? rank - delta : rank), line);
    }
    template <class T>
    T shfl_down(T value, unsigned int delta, int line = __builtin_LINE()) const {
        unsigned int rank = thread_rank();
        return shuffle(mask, value, lane_of_rank(mask, rank + delta < size() ? rank + delta : rank), line);
    }
    int any(int predicate, int line = __builtin_LINE()) const { return __any_sync(mask, predicate, line); }
    int all(int predicate, int line = __builtin_LINE()) const { return __all_sync(mask, predicate, line); }
    unsigned int ballot(int predicate, int line = __builtin_LINE()) const {
        return by_rank(mask, __ballot_sync(mask, predicate, line));
    }
    template <class T>
    unsigned int match_any(T value, int line = __builtin_LINE()) const {
        return by_rank(mask, __match_any_sync(mask, value, line));
    }
    template <class T>
    unsigned int match_all(T value, int &predicate, int line = __builtin_LINE()) const {
        return by_rank(mask, __match_all_sync(mask, value, &predicate, line));
    }

   protected:
    explicit lanes_group(unsigned int mask) : mask(mask) {}
    unsigned int mask;
};
}  // namespace musl_details

// N consecutive threads of a block, N a power of two up to 32.
template <unsigned int N, class Parent = void>
class thread_block_tile : public musl_details::lanes_group {
    static_assert(N <= 32, "MUSL311 a tile of more than a warp");
    static_assert(N > 0 && (N & (N - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
    static unsigned int lanes() {
        // In the last warp of a block there may be fewer.
        unsigned int rank = this_thread_block().thread_rank(), left = this_thread_block().size() - rank / N * N;
        unsigned int count = left < N ? left : N;
        return (count == 32 ? ~0u : (1u << count) - 1) << (rank % 32 / N * N);
    }

   public:
    thread_block_tile() : lanes_group(lanes()) {}
    template <class Other>
    thread_block_tile(const thread_block_tile<N, Other> &) : lanes_group(lanes()) {}
    static constexpr unsigned int size() { return N; }
    static constexpr unsigned int num_threads() { return N; }
    unsigned int thread_rank() const { return this_thread_block().thread_rank() % N; }
    unsigned int meta_group_rank() const { return in_parent(static_cast<Parent *>(nullptr)) / N; }
    unsigned int meta_group_size() const { return parent_size(static_cast<Parent *>(nullptr)) / N; }
    template <class T>
    T shfl(T value, int source, int line = __builtin_LINE()) const {
        return musl_details::shuffle(mask, value, first_lane() + (unsigned(source) & (N - 1)), line);
    }
    template <class T>
    T shfl_xor(T value, int lanes, int line = __builtin_LINE()) const {
        unsigned int source = thread_rank() ^ unsigned(lanes);
        return musl_details::shuffle(mask, value, first_lane() + (source < N ? source : thread_rank()), line);
    }

   private:
    unsigned int first_lane() const { return this_thread_block().thread_rank() % 32 / N * N; }
    template <class Group>
    static unsigned int in_parent(Group *) {
        return this_thread_block().thread_rank();
    }
    template <unsigned int M, class Grandparent>
    static unsigned int in_parent(thread_block_tile<M, Grandparent> *) {
        return this_thread_block().thread_rank() % M;
    }
    template <class Group>
    static unsigned int parent_size(Group *) {
        return this_thread_block().size() + N - 1;
    }
    template <unsigned int M, class Grandparent>
    static unsigned int parent_size(thread_block_tile<M, Grandparent> *) {
        return M;
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

// The threads of a warp that are together at this point.
class coalesced_group : public musl_details::lanes_group {
   public:
    explicit coalesced_group(unsigned int mask) : lanes_group(mask) {}
    template <unsigned int N, class Parent>
    coalesced_group(const thread_block_tile<N, Parent> &tile) : lanes_group(tile) {}
    unsigned int meta_group_rank() const { return 0; }
    unsigned int meta_group_size() const { return 1; }
    unsigned int lanes() const { return mask; }
};
static inline coalesced_group coalesced_threads(int line = __builtin_LINE()) { return coalesced_group(__activemask(line)); }
// The threads of the group that have the same label, or the same side of a predicate.
template <class Label>
coalesced_group labeled_partition(const coalesced_group &group, Label label, int line = __builtin_LINE()) {
    return coalesced_group(__match_any_sync(group.lanes(), label, line));
}
template <class Group>
coalesced_group binary_partition(const Group &group, bool predicate, int line = __builtin_LINE()) {
    unsigned int mask = coalesced_group(group).lanes(), with = __ballot_sync(mask, predicate, line);
    return coalesced_group(predicate ? with : mask & ~with);
}

// A group of a kind that is only known when the program runs.
class thread_group {
   public:
    thread_group(const thread_block &) : whole_block(true), lanes(0) {}
    thread_group(const coalesced_group &group) : whole_block(false), lanes(group) {}
    template <unsigned int N, class Parent>
    thread_group(const thread_block_tile<N, Parent> &tile) : whole_block(false), lanes(tile) {}
    void sync(int line = __builtin_LINE()) const { whole_block ? this_thread_block().sync(line) : lanes.sync(line); }
    unsigned int size() const { return whole_block ? this_thread_block().size() : lanes.size(); }
    unsigned int num_threads() const { return size(); }
    unsigned int thread_rank() const { return whole_block ? this_thread_block().thread_rank() : lanes.thread_rank(); }

   private:
    bool whole_block;
    coalesced_group lanes;
};
static inline thread_group tiled_partition(const thread_group &, unsigned int size) {
    switch (size) {
        case 1: return thread_block_tile<1>();
        case 2: return thread_block_tile<2>();
        case 4: return thread_block_tile<4>();
        case 8: return thread_block_tile<8>();
        case 16: return thread_block_tile<16>();
        default: return thread_block_tile<32>();
    }
}

template <class Group>
auto sync(const Group &group, int line = __builtin_LINE()) -> decltype(group.sync(line)) {
    group.sync(line);
}
template <class Group>
auto thread_rank(const Group &group) -> decltype(group.thread_rank()) {
    return group.thread_rank();
}
template <class Group>
auto group_size(const Group &group) -> decltype(group.size()) {
    return group.size();
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
template <class T>
struct bit_and {
    T operator()(T a, T b) const { return a & b; }
};
template <class T>
struct bit_or {
    T operator()(T a, T b) const { return a | b; }
};
template <class T>
struct bit_xor {
    T operator()(T a, T b) const { return a ^ b; }
};

// In every thread the values of all, combined in an order that is the same for all of them.
template <unsigned int N, class Parent, class T, class Operation>
T reduce(const thread_block_tile<N, Parent> &tile, T value, Operation operation, int line = __builtin_LINE()) {
    for (unsigned int lanes = N / 2; lanes > 0; lanes /= 2) value = operation(value, tile.shfl_xor(value, int(lanes), line));
    return value;
}
template <class T, class Operation>
T reduce(const coalesced_group &group, T value, Operation operation, int line = __builtin_LINE()) {
    T result = group.shfl(value, 0, line);
    for (unsigned int rank = 1; rank < group.size(); rank++) result = operation(result, group.shfl(value, rank, line));
    return result;
}
template <class Group, class T, class Operation>
T inclusive_scan(const Group &group, T value, Operation operation, int line = __builtin_LINE()) {
    for (unsigned int delta = 1; delta < group.size(); delta *= 2) {
        T other = group.shfl_up(value, delta, line);
        if (group.thread_rank() >= delta) value = operation(other, value);
    }
    return value;
}
template <class Group, class T>
T inclusive_scan(const Group &group, T value, int line = __builtin_LINE()) {
    return inclusive_scan(group, value, plus<T>(), line);
}
// The first thread gets T(): the operation's own identity where that is a sum, as NVIDIA's does.
template <class Group, class T, class Operation>
T exclusive_scan(const Group &group, T value, Operation operation, int line = __builtin_LINE()) {
    T other = group.shfl_up(inclusive_scan(group, value, operation, line), 1, line);
    return group.thread_rank() == 0 ? T() : other;
}
template <class Group, class T>
T exclusive_scan(const Group &group, T value, int line = __builtin_LINE()) {
    return exclusive_scan(group, value, plus<T>(), line);
}

}  // namespace cooperative_groups
