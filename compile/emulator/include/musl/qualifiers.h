// The qualifiers of CUDA C++. They say nothing to the host compiler; compile/emulator/rewrite.py gives `__shared__` its meaning.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__
#define __managed__
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
#ifndef __restrict__
#define __restrict__ __restrict
#endif
#define __inline_hint__
#define CUDART_CB
