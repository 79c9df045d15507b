"""Names that mean the same in every program and so are never made anonymous: keywords, libraries, CUDA's interface."""

from __future__ import annotations

import re

_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Alignas
    _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local _Pragma defined
    alignas alignof and and_eq asm bitand bitor bool catch char8_t char16_t char32_t class compl concept const_cast
    consteval constexpr constinit co_await co_return co_yield decltype delete dynamic_cast explicit export false friend
    mutable namespace new noexcept not not_eq nullptr operator or or_eq override final private protected public
    reinterpret_cast requires static_assert static_cast template this thread_local throw true try typeid typename
    typeof using virtual wchar_t xor xor_eq main
"""
_MATHEMATICS = """
    abs acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh cospi cyl_bessel_i0 cyl_bessel_i1 div erf
    erfc erfcinv erfcx erfinv exp exp10 exp2 expm1 fabs fdim fdivide floor fma fmax fmin fmod frexp hypot ilogb isfinite
    isinf isnan isnormal j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround max min modf nan
    nearbyint nextafter norm norm3d norm4d normcdf normcdfinv pow powi rcbrt remainder remquo rhypot rint round rsqrt
    saturate scalbln scalbn signbit sin sincos sincospi sinh sinpi sqrt tan tanh tgamma trunc y0 y1 yn labs llabs
    fpclassify isgreater isless isunordered umin umax
"""
_LIBRARY = """
    printf fprintf sprintf snprintf vprintf vfprintf vsnprintf scanf fscanf sscanf puts putchar getchar fputs fgets
    fputc fgetc putc getc ungetc perror fopen freopen fclose fflush fread fwrite fseek ftell rewind feof ferror fileno
    remove rename tmpfile setvbuf stdin stdout stderr FILE EOF BUFSIZ SEEK_SET SEEK_CUR SEEK_END
    malloc calloc realloc free aligned_alloc posix_memalign alloca memcpy memmove memset memcmp memchr strlen strcpy
    strncpy strcat strncat strcmp strncmp strcasecmp strncasecmp strchr strrchr strstr strspn strcspn strpbrk strtok
    strtok_r strdup strndup strerror strcoll
    atoi atol atoll atof strtol strtoll strtoul strtoull strtod strtof strtold rand srand rand_r random srandom drand48
    srand48 erand48 qsort bsearch exit abort atexit getenv setenv system assert offsetof isalpha isdigit isalnum isspace
    isupper islower isprint ispunct isxdigit iscntrl toupper tolower time clock difftime mktime localtime gmtime
    strftime gettimeofday clock_gettime nanosleep usleep sleep timeval timespec tm clock_t time_t CLOCKS_PER_SEC
    CLOCK_MONOTONIC CLOCK_REALTIME signal raise setjmp longjmp va_list va_start va_end va_arg va_copy errno EXIT_SUCCESS
    EXIT_FAILURE RAND_MAX NULL open close read write lseek mmap munmap stat fstat unlink getopt optarg optind getpid
    pthread_t pthread_create pthread_join pthread_mutex_t pthread_mutex_lock pthread_mutex_unlock pthread_barrier_t
    pthread_barrier_wait uint ulong ushort uchar size_t ssize_t ptrdiff_t off_t intptr_t uintptr_t intmax_t uintmax_t
    half half2 nv_bfloat16 nv_bfloat162 dim3 complex I INFINITY NAN HUGE_VAL HUGE_VALF
    CHAR_BIT CHAR_MAX CHAR_MIN SCHAR_MAX SCHAR_MIN UCHAR_MAX SHRT_MAX SHRT_MIN USHRT_MAX INT_MAX INT_MIN UINT_MAX
    LONG_MAX LONG_MIN ULONG_MAX LLONG_MAX LLONG_MIN ULLONG_MAX SIZE_MAX FLT_MAX FLT_MIN FLT_EPSILON FLT_DIG DBL_MAX
    DBL_MIN DBL_EPSILON DBL_DIG LDBL_MAX LDBL_MIN LDBL_EPSILON FLT_RADIX
    std cout cin cerr endl string vector map set unordered_map unordered_set pair tuple array deque list queue stack
    unique_ptr shared_ptr make_unique make_shared make_pair make_tuple move forward swap sort fill copy transform
    accumulate reduce inner_product numeric_limits function thread mutex atomic chrono ostream istream ifstream ofstream
    stringstream iostream to_string invalid_argument runtime_error exception initializer_list enable_if is_same
    thrust device_vector host_vector device_ptr raw_pointer_cast counting_iterator plus multiplies minimum maximum cub
    cooperative_groups this_thread_block tiled_partition this_grid nvcuda wmma
    aligned packed unused noinline always_inline noreturn deprecated forceinline hot cold pure may_alias vector_size
"""
_CUDA = """
    threadIdx blockIdx blockDim gridDim warpSize tex1D tex2D tex3D tex1Dfetch tex1DLayered tex2DLayered texture
    surf1Dread surf2Dread surf1Dwrite surf2Dwrite clock64 globaltimer CUDART_INF CUDART_INF_F CUDART_NAN CUDART_NAN_F
    CUDART_PI CUDART_PI_F CUDART_VERSION CUDA_VERSION CUDART_CB CUDARTAPI
"""
_MEMBERS = """
    name major minor totalGlobalMem sharedMemPerBlock regsPerBlock maxThreadsPerBlock maxThreadsDim maxGridSize
    multiProcessorCount clockRate memoryClockRate memoryBusWidth warpSize tv_sec tv_usec tv_nsec
    begin end size resize push_back emplace_back pop_back data at empty clear reserve insert erase find front back
    c_str length substr append count first second get reset sync thread_rank num_threads shfl shfl_down shfl_up
    shfl_xor ballot any all
"""
_FLOATING = {f"{name}f" for name in _MATHEMATICS.split()} | {f"{name}l" for name in _MATHEMATICS.split()}
STANDING_NAMES = frozenset({*_KEYWORDS.split(), *_MATHEMATICS.split(), *_LIBRARY.split(), *_CUDA.split(), *_FLOATING})
KEYWORDS = frozenset(_KEYWORDS.split())

# Families of names: those that C reserves for the implementation (`__syncthreads`, `__shared__`), CUDA's and other
# libraries' prefixes, and the vector and fixed-width types.
_FAMILIES = re.compile(
    r"""
      __\w+ | cuda[A-Z]\w* | cu[A-Z]\w* | CU_\w+ | CUDA_\w+ | (?:cublas|cusparse|cufft|cusolver|curand|cudnn|nccl)\w*
    | (?:CUBLAS|CUSPARSE|CUFFT|CUSOLVER|CURAND|CUDNN)_\w+ | nvcuda\w* | nvtx\w*
    | atomic(?:Add|Sub|Exch|Min|Max|Inc|Dec|CAS|And|Or|Xor)(?:_block|_system)? | omp_\w+ | MPI_\w+ | acc_\w+
    | cl[A-Z]\w*
    | M_\w*(?:PI|E|LN|LOG|SQRT)\w*
    | (?:make_)?(?:u?char|u?short|u?int|u?long|u?longlong|float|double)[1-4]
    | u?int(?:_least|_fast)?(?:8|16|32|64)_t | U?INT(?:8|16|32|64)_(?:MAX|MIN|C) | PRI[diouxX](?:8|16|32|64|MAX|PTR)
    """,
    re.VERBOSE,
)

# Members of CUDA's vector types (of threadIdx, too): they stay wherever they follow a `.`.
VECTOR_MEMBERS = frozenset("xyzw")
# Members of library types, kept where the text declares no member of that name.
LIBRARY_MEMBERS = frozenset(_MEMBERS.split())


def is_standing(name: str) -> bool:
    """Whether a name belongs to a language or a library and not to the program."""
    return name in STANDING_NAMES or _FAMILIES.fullmatch(name) is not None
