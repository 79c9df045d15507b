"""Half precision and bfloat16: conversions and arithmetic against numpy, which rounds to nearest even."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from cuda_side import CudaSide

HEAD = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"


def bits(values: np.ndarray) -> list[int]:
    """The bit patterns of float16 values, NaNs as one."""
    return np.where(np.isnan(values), np.uint16(0x7FFF), values.view(np.uint16)).tolist()


def on_floats(cuda_side: CudaSide, expression: str, values: np.ndarray) -> np.ndarray:
    """The bits of `expression` for each value: `f` is the float, `x` the half of it, `y` that of the next value."""
    kernel = f"""{HEAD}
__global__ void k(float *a, int n) {{
    for (int i = 0; i < n; i++) {{
        float f = a[i];
        half x = __float2half(f), y = __float2half(a[(i + 1) % n]);
        a[i] = __uint_as_float({expression});
    }}
}}"""
    (result,) = cuda_side.on_array(kernel, "k<<<1, 1>>>(d, n);", values, schedules=["forward"], races=False)
    return result.view(np.uint32)


def samples() -> np.ndarray:
    """Floats all over the range of half precision, its subnormal numbers, its ties and its end."""
    random = np.random.default_rng(5)
    halves = random.integers(0, 0x10000, 3000).astype(np.uint16).view(np.float16).astype(np.float32)
    halves = halves[np.isfinite(halves)]
    ties = halves.view(np.uint32) + np.array([0, 0x1000, 0x0FFF, 0x1001], np.uint32)[np.arange(len(halves)) % 4]
    special = [
        0.0,
        -0.0,
        65504,
        65519.996,
        65520,
        -65536,
        2**-24,
        2**-25,
        2**-25 * 1.0001,
        3 * 2**-25,
        1e-30,
        np.inf,
        np.nan,
    ]
    return np.concatenate([halves, ties.view(np.float32), np.array(special, np.float32)])


def test_conversions_round_to_nearest_even(cuda_side: CudaSide) -> None:
    values = samples()
    got = on_floats(cuda_side, "__half_as_ushort(x) | (unsigned)__half_as_ushort(__double2half(f)) << 16", values)
    with np.errstate(over="ignore"):
        expected = bits(values.astype(np.float16))
    assert (got & 0xFFFF).tolist() == expected
    assert (got >> 16).tolist() == expected


def test_conversions_in_the_other_directions(cuda_side: CudaSide) -> None:
    values = np.array([1.0002, -1.0002, 70000, -70000, 1e-9, -1e-9, 2048.5], np.float32)
    names = ["__float2half_rz", "__float2half_ru", "__float2half_rd"]
    got = [on_floats(cuda_side, f"__half_as_ushort({name}(f))", values).astype(np.uint16) for name in names]
    one, most = 0x3C00, 0x7BFF
    assert got[0].tolist() == [one, one | 0x8000, most, most | 0x8000, 0, 0x8000, 0x6800]
    assert got[1].tolist() == [one + 1, one | 0x8000, 0x7C00, most | 0x8000, 1, 0x8000, 0x6801]
    assert got[2].tolist() == [one, (one + 1) | 0x8000, most, 0xFC00, 0, 0x8001, 0x6800]


def nearest(exact: Fraction) -> np.float16:
    """The half nearest to a number, the even one of two."""
    with np.errstate(over="ignore"):
        guess = np.float16(float(exact))
        around = [guess, np.nextafter(guess, np.float16(np.inf)), np.nextafter(guess, np.float16(-np.inf))]
    finite = [half for half in around if np.isfinite(half)]
    return min(finite, key=lambda half: (abs(Fraction(float(half)) - exact), int(half.view(np.uint16)) & 1))


def test_arithmetic_is_exactly_rounded(cuda_side: CudaSide) -> None:
    values = samples()
    with np.errstate(all="ignore"):
        x = values.astype(np.float16)
        y = np.roll(x, -1)
        expected = {"x + y": x + y, "x - y": x - y, "x * y": x * y, "x / y": x / y, "hsqrt(x)": np.sqrt(x)}
    for expression, result in expected.items():
        got = on_floats(cuda_side, f"__half_as_ushort({expression})", values)
        assert got.tolist() == bits(result), expression


def test_fused_multiply_and_add_is_rounded_once(cuda_side: CudaSide) -> None:
    values = samples()
    with np.errstate(over="ignore"):
        x = values.astype(np.float16)
    y = np.roll(x, -1)
    got = on_floats(cuda_side, "__half_as_ushort(__hfma(x, y, x))", values).astype(np.uint16).view(np.float16)
    checked = 0
    for a, b, result in zip(x, y, got, strict=True):
        if not (np.isfinite(a) and np.isfinite(b)):
            continue
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(a))
        if abs(exact) < 65504:
            assert result == nearest(exact), (a, b)
            checked += 1
    assert checked > 1000


def test_pairs_comparisons_integers_and_functions(cuda_side: CudaSide) -> None:
    kernel = f"""{HEAD}
__global__ void k(float *a) {{
    half2 p = __floats2half2_rn(1.5f, -2.0f), q = make_half2(__float2half(0.5f), CUDART_NAN_FP16);
    half2 sum = p + __float2half2_rn(1.0f);
    a[0] = __low2float(sum) + 100 * __high2float(sum);
    a[1] = __hbeq2(p, p) + 2 * __hbne2(p, q) + 4 * (__hlt2_mask(q, p) == 0xffff) + 8 * __hgtu(p.y, q.y);
    a[1] += 16 * (p.x > q.x);
    a[2] = __half2int_rn(__float2half(2.5f)) + __half2int_ru(p.x) + __half2uint_rz(p.y) + (int)half(7);
    a[3] = __half2float(__hmax(p.x, q.y)) + __hisnan(__hmax_nan(p.x, q.y));
    a[4] = __half2float(hexp(half(1.0f))) + __half2float(hfloor(p.x)) + (float)__habs(p.y) + float(-p.x);
    a[5] = __half2float(__ushort2half_rn(65535)) == INFINITY;
    half h = 5; h += 1; h++; a[6] = h;
    float2 f = __half22float2(__hfma2(p, p, p)); a[7] = f.x + f.y;
}}"""
    (result,) = cuda_side.on_array(kernel, "k<<<1, 1>>>(d);", np.zeros(8, np.float32), schedules=["forward"])
    expected = [2.5 - 100, 1 + 4 + 8 + 16, 2 + 2 + 0 + 7, 2.5, 2.71875 + 1 + 2 - 1.5, 1, 7, 3.75 + 2]
    assert result.tolist() == expected


def test_bfloat16(cuda_side: CudaSide) -> None:
    kernel = f"""{HEAD}
__global__ void k(float *a) {{
    __nv_bfloat16 x = __float2bfloat16(1.1f), tie = 1.00390625f;
    a[0] = x * x;
    a[1] = tie;
    a[2] = __bfloat162float(__hfma(x, x, __nv_bfloat16(1.0f)));
    a[3] = __low2float(__floats2bfloat162_rn(3.0f, 4.0f) + __float2bfloat162_rn(1.0f));
    a[4] = __bfloat162float(__float2bfloat16_ru(1.0001f));
    // 1 + 2^-8 is a tie; what is added lies far below, and lifts it.
    a[5] = __bfloat162float(__hfma(tie_of(), __float2bfloat16(1.0f), __float2bfloat16(0x1p-80f)));
}}""".replace("tie_of()", "__float2bfloat16(0x1.02p0f)")
    (result,) = cuda_side.on_array(kernel, "k<<<1, 1>>>(d);", np.zeros(6, np.float32), schedules=["forward"])
    assert result.tolist() == [1.2109375, 1.0, 2.21875, 4.0, 1.0078125, 1.0078125]


def test_atomics_and_shuffles_of_halves(cuda_side: CudaSide) -> None:
    kernel = f"""{HEAD}
__device__ half total; __device__ half2 pair; __device__ __nv_bfloat16 other;
__global__ void k(float *a) {{
    half v = __float2half(threadIdx.x);
    for (int lanes = 16; lanes > 0; lanes /= 2) v = __hadd(v, __shfl_xor_sync(0xffffffffu, v, lanes));
    atomicAdd(&total, __float2half(0.5f));
    atomicAdd(&pair, __floats2half2_rn(1.0f, 2.0f));
    atomicAdd(&other, __float2bfloat16(1.0f));
    __syncthreads();
    a[threadIdx.x] = __half2float(v) + __half2float(total) + __high2float(pair) + __bfloat162float(other);
}}"""
    for result in cuda_side.on_array(kernel, "k<<<1, 32>>>(d);", np.zeros(32, np.float32)):
        assert result.tolist() == [496 + 16 + 64 + 32] * 32
