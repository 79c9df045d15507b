"""Functions of the C library that a kernel may call, with their types (C11 7.12, 7.22, 7.24)."""

from __future__ import annotations

from dataclasses import dataclass

from translator.analytic import codes
from translator.analytic.ir import Pointer, Scalar, Type, Void

DOUBLE = Scalar("double")
FLOAT = Scalar("float")
INT = Scalar("int")
LONG = Scalar("long")
_VOID_POINTER = Pointer(Void())
_SIZE = Scalar("unsigned long", "size_t")
_TEXT = Pointer(Scalar("char"), const=True)


@dataclass(frozen=True)
class Signature:
    """`params` are the types that C converts the arguments to. `overloaded` says that C++ has one function per argument
    type: then a float argument gives a float result and an integer one a double."""

    params: tuple[Type, ...]
    returns: Type
    overloaded: bool = False


_UNARY_MATH = """
    acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 fabs floor lgamma log log10 log1p
    log2 logb nearbyint rint round sin sinh sqrt tan tanh tgamma trunc
"""
_BINARY_MATH = "atan2 copysign fdim fmax fmin fmod hypot nextafter pow remainder"
_CHARACTER_CLASSES = """
    isalpha isdigit isalnum isspace isupper islower ispunct isxdigit isprint iscntrl isgraph isblank
"""
_TO_INTEGER = {
    "lround": LONG,
    "lrint": LONG,
    "llround": Scalar("long long"),
    "llrint": Scalar("long long"),
    "ilogb": INT,
}
# CUDA's own names, which nvcc takes from any code; C files may define them, and then their own definition counts
_CUDA_MATH = {"rsqrt": 1, "exp10": 1, "sinpi": 1, "cospi": 1, "normcdf": 1, "rcbrt": 1}


def _signatures() -> dict[str, Signature]:
    table: dict[str, Signature] = {}
    arities = dict.fromkeys(_UNARY_MATH.split(), 1) | dict.fromkeys(_BINARY_MATH.split(), 2) | {"fma": 3} | _CUDA_MATH
    for suffix, scalar in (("", DOUBLE), ("f", FLOAT), ("l", Scalar("long double"))):
        plain = suffix == ""
        for name, arity in arities.items():
            table[name + suffix] = Signature((scalar,) * arity, scalar, overloaded=plain)
        for name, returns in _TO_INTEGER.items():
            table[name + suffix] = Signature((scalar,), returns)
        table["ldexp" + suffix] = table["scalbn" + suffix] = Signature((scalar, INT), scalar, overloaded=plain)
    for name in ("isnan", "isinf", "isfinite", "isnormal", "signbit"):
        table[name] = Signature((), INT)
    table |= {
        "abs": Signature((INT,), INT, overloaded=True),
        "labs": Signature((LONG,), LONG),
        "llabs": Signature((Scalar("long long"),), Scalar("long long")),
        "memset": Signature((_VOID_POINTER, INT, _SIZE), _VOID_POINTER),
        "memcpy": Signature((_VOID_POINTER, _VOID_POINTER, _SIZE), _VOID_POINTER),
        "memmove": Signature((_VOID_POINTER, _VOID_POINTER, _SIZE), _VOID_POINTER),
        "memcmp": Signature((_VOID_POINTER, _VOID_POINTER, _SIZE), INT),
        "strlen": Signature((_TEXT,), _SIZE),
        "strcmp": Signature((_TEXT, _TEXT), INT),
        "strncmp": Signature((_TEXT, _TEXT, _SIZE), INT),
    }
    for name in _CHARACTER_CLASSES.split():
        table[name] = Signature((INT,), INT)
    table |= {"toupper": Signature((INT,), INT), "tolower": Signature((INT,), INT)}
    return table


SIGNATURES = _signatures()

# functions whose result has the common type of their arguments
COMMON_TYPE = frozenset({"min", "max", "clamp"})

_REFUSED_NAMES = {
    codes.INPUT_OUTPUT: """
        printf fprintf sprintf snprintf vprintf vfprintf puts putchar fputs fputc putc scanf fscanf sscanf
        gets fgets getchar getc fgetc fopen fclose fread fwrite fflush fseek ftell perror open close read
        write __printf_chk
    """,
    codes.ALLOCATION: """
        malloc calloc realloc free alloca __builtin_alloca aligned_alloc posix_memalign setjmp _setjmp
        longjmp cudaMalloc cudaFree strdup
    """,
    codes.PROGRAM_END: """
        exit abort _exit _Exit quick_exit __assert_fail __builtin_trap __builtin_unreachable
    """,
    codes.HIDDEN_STATE: """
        rand srand random srandom drand48 srand48 rand_r time clock gettimeofday clock_gettime getenv system
        strtok usleep sleep omp_get_wtime
    """,
    codes.VARIADIC: """
        __builtin_va_start __builtin_va_end __builtin_va_arg __builtin_va_copy va_start va_end va_arg
    """,
}
REFUSED = {name: code for code, names in _REFUSED_NAMES.items() for name in names.split()}

# what <math.h> constants expand to in GCC, and the name under which every C++ and CUDA compiler knows them
BUILTIN_CONSTANTS: dict[str, tuple[str, float, Scalar]] = {
    "__builtin_inff": ("INFINITY", float("inf"), FLOAT),
    "__builtin_inf": ("HUGE_VAL", float("inf"), DOUBLE),
    "__builtin_huge_val": ("HUGE_VAL", float("inf"), DOUBLE),
    "__builtin_huge_valf": ("INFINITY", float("inf"), FLOAT),
    "__builtin_nanf": ("NAN", float("nan"), FLOAT),
    "__builtin_nan": ("((double)NAN)", float("nan"), DOUBLE),
}

# macros of the standard headers, for text that uses them without the include
_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1
MACRO_CONSTANTS: dict[str, tuple[int | float, Scalar]] = {
    "INFINITY": (float("inf"), FLOAT),
    "NAN": (float("nan"), FLOAT),
    "HUGE_VAL": (float("inf"), DOUBLE),
    "HUGE_VALF": (float("inf"), FLOAT),
    "M_PI": (3.14159265358979323846, DOUBLE),
    "M_PI_2": (1.57079632679489661923, DOUBLE),
    "M_PI_4": (0.78539816339744830962, DOUBLE),
    "M_E": (2.7182818284590452354, DOUBLE),
    "M_SQRT2": (1.41421356237309504880, DOUBLE),
    "FLT_MAX": (3.4028234663852886e38, FLOAT),
    "FLT_MIN": (1.1754943508222875e-38, FLOAT),
    "FLT_EPSILON": (1.1920928955078125e-07, FLOAT),
    "DBL_MAX": (1.7976931348623157e308, DOUBLE),
    "DBL_MIN": (2.2250738585072014e-308, DOUBLE),
    "DBL_EPSILON": (2.220446049250313e-16, DOUBLE),
    "INT_MAX": (_INT_MAX, INT),
    "INT_MIN": (-_INT_MAX - 1, INT),
    "UINT_MAX": (2**32 - 1, Scalar("unsigned int")),
    "LONG_MAX": (_LONG_MAX, LONG),
    "LONG_MIN": (-_LONG_MAX - 1, LONG),
    "CHAR_MAX": (127, INT),
    "CHAR_MIN": (-128, INT),
    "UCHAR_MAX": (255, INT),
    "SHRT_MAX": (32767, INT),
    "SHRT_MIN": (-32768, INT),
    "USHRT_MAX": (65535, INT),
    "RAND_MAX": (_INT_MAX, INT),
}
