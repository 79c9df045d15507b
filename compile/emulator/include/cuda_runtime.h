// The CUDA runtime on the CPU: stands in for NVIDIA's header of this name. What nvcc includes unasked, this includes too.
#pragma once

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmath>
#include <cstdlib>
#include <new>
#include <utility>

#ifndef __CUDACC__
#define __CUDACC__
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
