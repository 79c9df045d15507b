// What only device code has: barriers, warp operations, atomics, fences. One operating-system thread runs all CUDA threads,
// so an atomic is a plain operation; a thread stops only at a barrier, at a warp operation, or where it spins on atomics.
#pragma once

namespace musl {

struct Vote {
    int count, all, any;
};
Vote barrier(int predicate, int line);

struct Lanes {
    const unsigned long long *values;  // 32 values, one a lane; those of lanes not in `present` are garbage
    unsigned int present;              // lanes that took part
    unsigned int lane;                 // the calling lane
};
enum WarpOperation { WARP_SYNC, WARP_SHUFFLE, WARP_VOTE, WARP_MATCH, WARP_REDUCE, WARP_ACTIVE };
Lanes exchange(WarpOperation operation, unsigned int mask, unsigned long long value, int line);
void yield();
void fence();
[[noreturn]] void trap(int line);
long long ticks();
[[noreturn]] void exceeded_launch_bound(unsigned bound);
#ifdef MUSL_ON_DEVICE
static inline void musl_launch_bound(unsigned) {}  // the driver's to check
#else
static inline void musl_launch_bound(unsigned bound) {
    if (blockDim.x * blockDim.y * blockDim.z > bound) exceeded_launch_bound(bound);
}
#endif

template <class T>
unsigned long long to_bits(T value) {
    static_assert(sizeof(T) <= 8, "warp operations take values of up to eight bytes");
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(T));
    return bits;
}
template <class T>
T from_bits(unsigned long long bits) {
    T value;
    __builtin_memcpy(&value, &bits, sizeof(T));
    return value;
}
// The value of lane `source` of the caller's segment of `width` lanes; its own value where `source` is not in the segment.
template <class T>
T pick(const Lanes &lanes, int source, bool inside) {
    return from_bits<T>(lanes.values[inside ? source & 31 : int(lanes.lane)]);
}

}  // namespace musl

#define MUSL_LINE int line = __builtin_LINE()
static inline void __syncthreads(MUSL_LINE) { musl::barrier(1, line); }
static inline int __syncthreads_count(int predicate, MUSL_LINE) { return musl::barrier(predicate, line).count; }
static inline int __syncthreads_and(int predicate, MUSL_LINE) { return musl::barrier(predicate, line).all; }
static inline int __syncthreads_or(int predicate, MUSL_LINE) { return musl::barrier(predicate, line).any; }

static inline void __syncwarp(unsigned mask = 0xffffffffu, MUSL_LINE) {
    musl::exchange(musl::WARP_SYNC, mask, 0, line);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_SHUFFLE, mask, musl::to_bits(value), line);
    int first = lanes.lane & ~(width - 1);
    return musl::pick<T>(lanes, first + (source & (width - 1)), true);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_SHUFFLE, mask, musl::to_bits(value), line);
    int first = lanes.lane & ~(width - 1), source = int(lanes.lane) - int(delta);
    return musl::pick<T>(lanes, source, source >= first);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_SHUFFLE, mask, musl::to_bits(value), line);
    int last = lanes.lane | (width - 1), source = int(lanes.lane + delta);
    return musl::pick<T>(lanes, source, source <= last);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_SHUFFLE, mask, musl::to_bits(value), line);
    int source = int(lanes.lane) ^ lane_mask;
    return musl::pick<T>(lanes, source, source <= (int(lanes.lane) | (width - 1)));
}
static inline unsigned __ballot_sync(unsigned mask, int predicate, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_VOTE, mask, predicate != 0, line);
    unsigned votes = 0;
    for (int i = 0; i < 32; i++)
        if (lanes.present >> i & 1) votes |= unsigned(lanes.values[i]) << i;
    return votes;
}
static inline int __any_sync(unsigned mask, int predicate, MUSL_LINE) { return __ballot_sync(mask, predicate, line) != 0; }
static inline int __all_sync(unsigned mask, int predicate, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_VOTE, mask, predicate != 0, line);
    for (int i = 0; i < 32; i++)
        if (lanes.present >> i & 1 && !lanes.values[i]) return 0;
    return 1;
}
static inline int __uni_sync(unsigned mask, int predicate, MUSL_LINE) {
    unsigned votes = __ballot_sync(mask, predicate, line);
    return votes == 0 || votes == __ballot_sync(mask, 1, line);
}
static inline unsigned __activemask(MUSL_LINE) { return musl::exchange(musl::WARP_ACTIVE, 0, 0, line).present; }
template <class T>
unsigned __match_any_sync(unsigned mask, T value, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_MATCH, mask, musl::to_bits(value), line);
    unsigned equal = 0;
    for (int i = 0; i < 32; i++)
        if (lanes.present >> i & 1 && lanes.values[i] == lanes.values[lanes.lane]) equal |= 1u << i;
    return equal;
}
template <class T>
unsigned __match_all_sync(unsigned mask, T value, int *predicate, MUSL_LINE) {
    auto lanes = musl::exchange(musl::WARP_MATCH, mask, musl::to_bits(value), line);
    *predicate = 1;
    for (int i = 0; i < 32; i++)
        if (lanes.present >> i & 1 && lanes.values[i] != lanes.values[lanes.lane]) *predicate = 0;
    return *predicate ? lanes.present : 0;
}
#define MUSL_WARP_REDUCE(name, type, expression) \
    static inline type __reduce_##name##_sync(unsigned mask, type value, MUSL_LINE) { \
        auto lanes = musl::exchange(musl::WARP_REDUCE, mask, musl::to_bits(value), line); \
        for (int i = 0; i < 32; i++) { \
            if (!(lanes.present >> i & 1) || i == int(lanes.lane)) continue; \
            type other = musl::from_bits<type>(lanes.values[i]); \
            value = expression; \
        } \
        return value; \
    }
MUSL_WARP_REDUCE(add, unsigned, value + other)
MUSL_WARP_REDUCE(add, int, int(unsigned(value) + unsigned(other)))
MUSL_WARP_REDUCE(min, unsigned, other < value ? other : value)
MUSL_WARP_REDUCE(min, int, other < value ? other : value)
MUSL_WARP_REDUCE(max, unsigned, other > value ? other : value)
MUSL_WARP_REDUCE(max, int, other > value ? other : value)
MUSL_WARP_REDUCE(and, unsigned, value & other)
MUSL_WARP_REDUCE(or, unsigned, value | other)
MUSL_WARP_REDUCE(xor, unsigned, value ^ other)
#undef MUSL_WARP_REDUCE

static inline void __threadfence() { musl::fence(); }
static inline void __threadfence_block() {}
static inline void __threadfence_system() { musl::fence(); }
static inline void __nanosleep(unsigned) { musl::yield(); }
static inline void __trap(MUSL_LINE) { musl::trap(line); }
static inline long long clock64() { return musl::ticks(); }
static inline void __prof_trigger(int) {}
#undef MUSL_LINE

// Atomics are functions of the runtime, so that an access out of bounds is reported with the line of the call.
#define MUSL_ATOMIC(name, type) type name(type *address, type value);
#define MUSL_ATOMICS(name, type) \
    MUSL_ATOMIC(name, type) \
    static inline type name##_block(type *address, type value) { return name(address, value); } \
    static inline type name##_system(type *address, type value) { return name(address, value); }
MUSL_ATOMICS(atomicAdd, int)
MUSL_ATOMICS(atomicAdd, unsigned int)
MUSL_ATOMICS(atomicAdd, unsigned long long)
MUSL_ATOMICS(atomicAdd, float)
MUSL_ATOMICS(atomicAdd, double)
MUSL_ATOMICS(atomicSub, int)
MUSL_ATOMICS(atomicSub, unsigned int)
#define MUSL_ATOMIC_INTEGERS(name) \
    MUSL_ATOMICS(name, int) \
    MUSL_ATOMICS(name, unsigned int) \
    MUSL_ATOMICS(name, unsigned long long)
MUSL_ATOMIC_INTEGERS(atomicMin)
MUSL_ATOMIC_INTEGERS(atomicMax)
MUSL_ATOMICS(atomicMin, long long)
MUSL_ATOMICS(atomicMax, long long)
MUSL_ATOMIC_INTEGERS(atomicAnd)
MUSL_ATOMICS(atomicAnd, long long)
MUSL_ATOMIC_INTEGERS(atomicOr)
MUSL_ATOMICS(atomicOr, long long)
MUSL_ATOMIC_INTEGERS(atomicXor)
MUSL_ATOMICS(atomicXor, long long)
MUSL_ATOMIC_INTEGERS(atomicExch)
MUSL_ATOMICS(atomicExch, float)
MUSL_ATOMICS(atomicInc, unsigned int)
MUSL_ATOMICS(atomicDec, unsigned int)
#undef MUSL_ATOMIC_INTEGERS
#undef MUSL_ATOMICS
#undef MUSL_ATOMIC
#define MUSL_CAS(type) \
    type atomicCAS(type *address, type compare, type value); \
    static inline type atomicCAS_block(type *address, type compare, type value) { return atomicCAS(address, compare, value); } \
    static inline type atomicCAS_system(type *address, type compare, type value) { return atomicCAS(address, compare, value); }
MUSL_CAS(int)
MUSL_CAS(unsigned int)
MUSL_CAS(unsigned long long)
MUSL_CAS(unsigned short)
#undef MUSL_CAS
// Of two and four floats: each of them atomic, not all together (CUDA C++ Programming Guide, atomicAdd).
float2 atomicAdd(float2 *address, float2 value);
float4 atomicAdd(float4 *address, float4 value);
