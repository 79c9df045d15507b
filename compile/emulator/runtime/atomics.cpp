// Atomics. They are out of line so that the return address is the user's line; only one operating-system thread runs.
#include "internal.h"

namespace {

template <class T>
T *checked(T *address, const void *caller) {
    uintptr_t at = reinterpret_cast<uintptr_t>(address);
    if (at % sizeof(T) != 0) musl::die("atomic operation on the misaligned address 0x%zx", size_t(at));
    if (const void *bad = musl::first_poisoned(address, sizeof(T)))
        musl::report_access(reinterpret_cast<uintptr_t>(caller), reinterpret_cast<uintptr_t>(bad), sizeof(T), true);
    musl::count_spin();
    if (musl::recording && musl::in_kernel)
        musl::record_access(at, sizeof(T), true, true, reinterpret_cast<uintptr_t>(caller));
    return address;
}

template <class T>
T wrapping_add(T a, T b) {
    return a + b;
}
template <>
int wrapping_add(int a, int b) {
    return int(unsigned(a) + unsigned(b));
}

}  // namespace

#define MUSL_ATOMIC(name, type, result) \
    type name(type *address, type value) { \
        checked(address, __builtin_return_address(0)); \
        type old = *address; \
        *address = result; \
        return old; \
    }
#define MUSL_ATOMIC_INTEGERS(name, result) \
    MUSL_ATOMIC(name, int, result) \
    MUSL_ATOMIC(name, unsigned int, result) \
    MUSL_ATOMIC(name, unsigned long long, result)

MUSL_ATOMIC_INTEGERS(atomicAdd, wrapping_add(old, value))
MUSL_ATOMIC(atomicAdd, float, old + value)
MUSL_ATOMIC(atomicAdd, double, old + value)
MUSL_ATOMIC(atomicSub, int, int(unsigned(old) - unsigned(value)))
MUSL_ATOMIC(atomicSub, unsigned int, old - value)
MUSL_ATOMIC_INTEGERS(atomicMin, value < old ? value : old)
MUSL_ATOMIC(atomicMin, long long, value < old ? value : old)
MUSL_ATOMIC_INTEGERS(atomicMax, value > old ? value : old)
MUSL_ATOMIC(atomicMax, long long, value > old ? value : old)
MUSL_ATOMIC_INTEGERS(atomicAnd, old & value)
MUSL_ATOMIC(atomicAnd, long long, old & value)
MUSL_ATOMIC_INTEGERS(atomicOr, old | value)
MUSL_ATOMIC(atomicOr, long long, old | value)
MUSL_ATOMIC_INTEGERS(atomicXor, old ^ value)
MUSL_ATOMIC(atomicXor, long long, old ^ value)
MUSL_ATOMIC_INTEGERS(atomicExch, value)
MUSL_ATOMIC(atomicExch, float, value)
MUSL_ATOMIC(atomicInc, unsigned int, old >= value ? 0 : old + 1)
MUSL_ATOMIC(atomicDec, unsigned int, old == 0 || old > value ? value : old - 1)

#define MUSL_CAS(type) \
    type atomicCAS(type *address, type compare, type value) { \
        checked(address, __builtin_return_address(0)); \
        type old = *address; \
        if (old == compare) *address = value; \
        return old; \
    }
MUSL_CAS(int)
MUSL_CAS(unsigned int)
MUSL_CAS(unsigned long long)
MUSL_CAS(unsigned short)

float2 atomicAdd(float2 *address, float2 value) {
    checked(address, __builtin_return_address(0));
    float2 old = *address;
    *address = float2{old.x + value.x, old.y + value.y};
    return old;
}
float4 atomicAdd(float4 *address, float4 value) {
    checked(address, __builtin_return_address(0));
    float4 old = *address;
    *address = float4{old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w};
    return old;
}
