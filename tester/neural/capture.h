// Beneath every snippet: what it may use of the library, and the functions that write down what it passes.
//
// One argument is written as a `musl_record` and its elements. Nothing here trusts the snippet: it can spoil its own
// record only (each runs in a process of its own), and the reader checks every field.
#pragma once

#include <algorithm>
#include <array>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#define restrict __restrict
#define _Bool bool
using std::max;
using std::min;

namespace musl_capture {

enum Kind : uint32_t { VALUES = 1, NULL_POINTER = 2, EXTENT_UNKNOWN = 3 };

struct Record {
    uint32_t kind;
    uint32_t element_size;
    uint64_t bytes;
    uint64_t address; // of an array: two arguments may be one
};

// Where the record of a call goes: `room` bytes. What does not fit is counted.
struct Out {
    unsigned char *to;
    uint64_t room, used;
    void write(const void *from, uint64_t bytes) {
        if (bytes <= room && used <= room - bytes) memcpy(to + used, from, bytes);
        used += bytes;
    }
};

// The blocks of the heap that the snippet has asked for; those beyond a number are not known.
struct Block {
    uintptr_t at;
    size_t bytes;
};
static Block blocks[512];
static unsigned block_count;

struct AnyPointer { // C converts `void *` to every pointer
    void *at;
    template <class T> operator T *() const { return static_cast<T *>(at); }
};

inline AnyPointer remember(void *at, size_t bytes) {
    if (at && block_count < sizeof blocks / sizeof *blocks) blocks[block_count++] = {reinterpret_cast<uintptr_t>(at), bytes};
    return {at};
}

template <class A, class B>
constexpr bool same_element = (std::is_same_v<A, bool> == std::is_same_v<B, bool> && sizeof(A) == sizeof(B) &&
                               std::is_floating_point_v<A> == std::is_floating_point_v<B> &&
                               std::is_signed_v<A> == std::is_signed_v<B>);

template <class T, bool = std::is_enum_v<T>> struct Arithmetic { using type = T; };
template <class T> struct Arithmetic<T, true> { using type = std::underlying_type_t<T>; };

template <class Wanted, class T> constexpr void check_element() {
    using W = std::remove_cv_t<Wanted>;
    using G = typename Arithmetic<std::remove_cv_t<std::remove_all_extents_t<T>>>::type;
    if constexpr (std::is_arithmetic_v<W>) {
        static_assert(std::is_arithmetic_v<G>, "the elements are no numbers");
        static_assert(same_element<W, G>, "the elements are of another type");
    } else {
        static_assert(std::is_same_v<W, G>, "the elements are of another type");
    }
}

inline void put(Out &out, Kind kind, uint32_t size, const void *from, uint64_t bytes) {
    Record record = {kind, size, bytes, reinterpret_cast<uintptr_t>(from)};
    out.write(&record, sizeof record);
    if (kind == VALUES) out.write(from, bytes);
}

// An array or a variable whose address is passed: `bytes` from `first` on.
template <class Wanted, class T> void put_array(Out &out, const T *first, uint64_t bytes) {
    check_element<Wanted, T>();
    put(out, VALUES, sizeof(Wanted), first, bytes);
}

// A pointer: it is null, or points into a block of the heap, from there to the block's end.
template <class Wanted, class T> void put_pointer(Out &out, T *first) {
    check_element<Wanted, T>();
    if (first == nullptr) return put(out, NULL_POINTER, sizeof(Wanted), nullptr, 0);
    auto at = reinterpret_cast<uintptr_t>(first);
    for (unsigned i = block_count; i-- > 0;)
        if (blocks[i].at <= at && at - blocks[i].at <= blocks[i].bytes)
            return put(out, VALUES, sizeof(Wanted), first, blocks[i].bytes - (at - blocks[i].at));
    put(out, EXTENT_UNKNOWN, sizeof(Wanted), nullptr, 0);
}
template <class Wanted> void put_pointer(Out &out, std::nullptr_t) { put(out, NULL_POINTER, sizeof(Wanted), nullptr, 0); }
template <class Wanted> void put_pointer(Out &out, const AnyPointer &any) {
    put_pointer<Wanted>(out, static_cast<Wanted *>(any.at));
}

// What stands for an array in a call, by name. An array lies at its own address, a pointer points elsewhere.
template <class Wanted, class T> void put_named(Out &out, const void *itself, T *first, uint64_t bytes) {
    if (itself == static_cast<const void *>(first)) return put_array<Wanted>(out, first, bytes);
    put_pointer<Wanted>(out, first);
}
template <class Wanted, class T> void put_named(Out &out, const void *, const std::vector<T> &values, uint64_t) {
    put_array<Wanted>(out, values.data(), values.size() * sizeof(T));
}
template <class Wanted, class T, size_t N>
void put_named(Out &out, const void *, const std::array<T, N> &values, uint64_t bytes) {
    put_array<Wanted>(out, values.data(), bytes);
}

// A place in an array (or block) that has a name: from there to its end.
template <class Wanted, class T, class P> void put_place(Out &out, const void *itself, T *first, uint64_t bytes, P *place) {
    uint64_t before = reinterpret_cast<uintptr_t>(place) - reinterpret_cast<uintptr_t>(itself);
    if (itself != static_cast<const void *>(first)) return put_pointer<Wanted>(out, place);
    if (before > bytes) return put(out, EXTENT_UNKNOWN, sizeof(Wanted), nullptr, 0);
    put_array<Wanted>(out, place, bytes - before);
}

template <class Wanted> void put_value(Out &out, Wanted value) { put(out, VALUES, sizeof value, &value, sizeof value); }

} // namespace musl_capture

#define malloc(bytes) musl_capture::remember((malloc)(bytes), bytes)
#define calloc(count, bytes) musl_capture::remember((calloc)(count, bytes), (count) * (bytes))
#define aligned_alloc(alignment, bytes) musl_capture::remember((aligned_alloc)(alignment, bytes), bytes)
