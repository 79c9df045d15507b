// dim3 and CUDA's vector types, with CUDA's alignments (CUDA C++ Programming Guide, "Built-in Vector Types").
#pragma once

#define MUSL_VECTOR2(name, type, align) \
    struct alignas(align) name { \
        type x, y; \
    }; \
    static inline name make_##name(type x, type y) { return name{x, y}; }
#define MUSL_VECTOR(base, type, align2, align4) \
    struct base##1 { \
        type x; \
    }; \
    static inline base##1 make_##base##1(type x) { return base##1{x}; } \
    MUSL_VECTOR2(base##2, type, align2) \
    struct base##3 { \
        type x, y, z; \
    }; \
    static inline base##3 make_##base##3(type x, type y, type z) { return base##3{x, y, z}; } \
    struct alignas(align4) base##4 { \
        type x, y, z, w; \
    }; \
    static inline base##4 make_##base##4(type x, type y, type z, type w) { return base##4{x, y, z, w}; }

MUSL_VECTOR(char, signed char, 2, 4)
MUSL_VECTOR(uchar, unsigned char, 2, 4)
MUSL_VECTOR(short, short, 4, 8)
MUSL_VECTOR(ushort, unsigned short, 4, 8)
MUSL_VECTOR(int, int, 8, 16)
MUSL_VECTOR(uint, unsigned int, 8, 16)
MUSL_VECTOR(long, long, 16, 16)
MUSL_VECTOR(ulong, unsigned long, 16, 16)
MUSL_VECTOR(longlong, long long, 16, 16)
MUSL_VECTOR(ulonglong, unsigned long long, 16, 16)
MUSL_VECTOR(float, float, 8, 16)
MUSL_VECTOR(double, double, 16, 16)
#undef MUSL_VECTOR
#undef MUSL_VECTOR2

struct dim3 {
    unsigned int x, y, z;
    constexpr dim3(unsigned int x = 1, unsigned int y = 1, unsigned int z = 1) : x(x), y(y), z(z) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    constexpr operator uint3() const { return uint3{x, y, z}; }
};
