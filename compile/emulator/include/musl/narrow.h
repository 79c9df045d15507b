// Conversions between float and the 16-bit formats, defined in runtime/narrow.cpp.
#pragma once
#include "../cuda_runtime.h"

namespace musl {

enum Direction { NEAREST, TO_ZERO, UP, DOWN };

float half_to_float(unsigned short bits);
unsigned short float_to_half(float x);  // to nearest even; NaN becomes 0x7fff, as on a device
unsigned short round_to_half(long double x, Direction direction);
float bfloat16_to_float(unsigned short bits);
unsigned short float_to_bfloat16(float x);
unsigned short round_to_bfloat16(long double x, Direction direction);
// a * b + c, rounded to odd: rounding it once more to a 16-bit format gives the exactly rounded result (S. Boldo,
// G. Melquiond, "Emulation of a FMA and correctly rounded sums", IEEE Transactions on Computers 57, 2008).
double narrow_fma(double a, double b, double c);

}  // namespace musl
