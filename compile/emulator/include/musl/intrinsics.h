// Intrinsics that few kernels use: directed rounding, lanes of two and four in a word, dot products. Defined in
// runtime/intrinsics.cpp, so that a unit pays for their names only.
#pragma once

#define MUSL_DIRECTED(real, p, mode) \
    real __##p##add_##mode(real a, real b); \
    real __##p##sub_##mode(real a, real b); \
    real __##p##mul_##mode(real a, real b); \
    real __##p##div_##mode(real a, real b); \
    real __##p##rcp_##mode(real a); \
    real __##p##sqrt_##mode(real a);
#define MUSL_DIRECTED_MODE(mode) \
    MUSL_DIRECTED(float, f, mode) \
    MUSL_DIRECTED(double, d, mode) \
    float __fmaf_##mode(float a, float b, float c); \
    double __fma_##mode(double a, double b, double c); \
    float __double2float_##mode(double x); \
    float __int2float_##mode(int x); \
    float __uint2float_##mode(unsigned int x); \
    float __ll2float_##mode(long long x); \
    float __ull2float_##mode(unsigned long long x); \
    double __ll2double_##mode(long long x); \
    double __ull2double_##mode(unsigned long long x);
MUSL_DIRECTED_MODE(rz)
MUSL_DIRECTED_MODE(ru)
MUSL_DIRECTED_MODE(rd)
#undef MUSL_DIRECTED_MODE
#undef MUSL_DIRECTED

// Two halves (suffix 2) or four bytes (suffix 4) of a word at once.
#define MUSL_LANES(X) \
    X(__vadd) X(__vaddss) X(__vaddus) X(__vsub) X(__vsubss) X(__vsubus) X(__vavgs) X(__vavgu) X(__vhaddu) \
    X(__vabsdiffu) X(__vsadu) X(__vmaxs) X(__vmaxu) X(__vmins) X(__vminu) \
    X(__vcmpeq) X(__vcmpne) X(__vcmpges) X(__vcmpgeu) X(__vcmpgts) X(__vcmpgtu) X(__vcmples) X(__vcmpleu) \
    X(__vcmplts) X(__vcmpltu) \
    X(__vseteq) X(__vsetne) X(__vsetges) X(__vsetgeu) X(__vsetgts) X(__vsetgtu) X(__vsetles) X(__vsetleu) \
    X(__vsetlts) X(__vsetltu)
#define MUSL_LANES1(X) X(__vabs) X(__vabsss) X(__vneg) X(__vnegss)
#define MUSL_DECLARE(name) \
    unsigned int name##2(unsigned int a, unsigned int b); \
    unsigned int name##4(unsigned int a, unsigned int b);
#define MUSL_DECLARE1(name) \
    unsigned int name##2(unsigned int a); \
    unsigned int name##4(unsigned int a);
MUSL_LANES(MUSL_DECLARE)
MUSL_LANES1(MUSL_DECLARE1)
#undef MUSL_DECLARE
#undef MUSL_DECLARE1

int __dp4a(int a, int b, int c);
unsigned int __dp4a(unsigned int a, unsigned int b, unsigned int c);
int __dp4a(char4 a, char4 b, int c);
unsigned int __dp4a(uchar4 a, uchar4 b, unsigned int c);
int __dp2a_lo(int a, int b, int c);
unsigned int __dp2a_lo(unsigned int a, unsigned int b, unsigned int c);
int __dp2a_lo(short2 a, char4 b, int c);
unsigned int __dp2a_lo(ushort2 a, uchar4 b, unsigned int c);
int __dp2a_hi(int a, int b, int c);
unsigned int __dp2a_hi(unsigned int a, unsigned int b, unsigned int c);
int __dp2a_hi(short2 a, char4 b, int c);
unsigned int __dp2a_hi(ushort2 a, uchar4 b, unsigned int c);
unsigned int __fns(unsigned int mask, unsigned int base, int offset);
