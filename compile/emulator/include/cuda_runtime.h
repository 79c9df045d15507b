// The CUDA runtime on the CPU: stands in for NVIDIA's header of this name. What nvcc includes unasked, this includes too.
#pragma once

#ifdef MUSL_LEAN  // the C headers alone; set for a text that includes nothing of the C++ library (compile/emulator/build.py)
#define _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#endif
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <new>
#include <utility>
#ifdef MUSL_LEAN
#undef _GLIBCXX_INCLUDE_NEXT_C_HEADERS
#include "musl/overloads.h"
#else
#include <cmath>
#include <cstdlib>
#endif

#ifndef __CUDACC__
#define __CUDACC__
#endif
#ifndef __NVCC__
#define __NVCC__
#endif
#ifndef CUDART_VERSION
#define CUDART_VERSION 12000
#endif

#include "musl/types.h"
#include "musl/qualifiers.h"
#include "musl/launch.h"
#include "musl/device.h"
#include "musl/math.h"
#include "musl/intrinsics.h"
#include "musl/api.h"
