"""Every MUSL code with its one-line description: MUSL001-099 the front end, MUSL100-199 the dependence analysis;
MUSL200-219 are in translator/neural/codes.py."""

from __future__ import annotations

SYNTAX_ERROR = "MUSL001"
GOTO = "MUSL002"
INLINE_ASSEMBLY = "MUSL003"
VARIADIC = "MUSL004"
FUNCTION_POINTER = "MUSL005"
RECURSION = "MUSL006"
UNSUPPORTED_TYPE = "MUSL007"
SIDE_EFFECT = "MUSL008"
UNKNOWN_NAME = "MUSL009"
CXX_FEATURE = "MUSL010"
ALLOCATION = "MUSL011"
INPUT_OUTPUT = "MUSL012"
STATIC_LOCAL = "MUSL013"
GLOBAL_WRITE = "MUSL014"
PROGRAM_END = "MUSL015"
HIDDEN_STATE = "MUSL016"
MISPLACED_LABEL = "MUSL017"
UNSUPPORTED_SYNTAX = "MUSL018"
VOLATILE = "MUSL019"
UNION = "MUSL020"
CXX_REFUSED = "MUSL021"
RESERVED_NAME = "MUSL022"

CARRIED_ARRAY = "MUSL101"
CARRIED_SCALAR = "MUSL102"
UNKNOWN_SUBSCRIPT = "MUSL103"
STRICT_FP = "MUSL104"
EARLY_EXIT = "MUSL105"
UNCOUNTED_LOOP = "MUSL106"
NO_LOOP = "MUSL107"
UNKNOWN_EXTENT = "MUSL109"
UNKNOWN_POINTER = "MUSL110"
KERNEL_CALL = "MUSL111"
NO_ATOMIC = "MUSL112"
HOST_CONSTRUCT = "MUSL113"
UNINITIALISED = "MUSL114"
NOT_ONE_KERNEL = "MUSL115"
ONE_BLOCK = "MUSL116"
ONE_THREAD = "MUSL117"

CODES: dict[str, str] = {
    SYNTAX_ERROR: "syntax error",
    GOTO: "goto or a label",
    INLINE_ASSEMBLY: "inline assembly",
    VARIADIC: "variable argument list",
    FUNCTION_POINTER: "function pointer",
    RECURSION: "recursive call, direct or through other functions",
    UNSUPPORTED_TYPE: "a type that a kernel cannot take (pointer to pointer, void *, FILE *, incomplete struct)",
    SIDE_EFFECT: "a side effect inside an expression whose order cannot be made plain",
    UNKNOWN_NAME: "a name that is not declared, or a function without a definition in the file",
    CXX_FEATURE: "C++ outside the C-like subset (templates, exceptions, lambdas, methods, new and delete)",
    ALLOCATION: "memory allocation, setjmp or longjmp in the function",
    INPUT_OUTPUT: "input or output in the function",
    STATIC_LOCAL: "a static local variable that keeps its value between calls",
    GLOBAL_WRITE: "assignment to a global variable",
    PROGRAM_END: "a call that ends the program (exit, abort)",
    HIDDEN_STATE: "a call that depends on hidden state (rand, time, getenv)",
    MISPLACED_LABEL: "a case label outside its switch's own statement list",
    UNSUPPORTED_SYNTAX: "a construct that the parser does not hold",
    VOLATILE: "volatile or atomic data",
    UNION: "a union",
    CXX_REFUSED: "C that a C++ compiler does not take and that cannot be rewritten",
    RESERVED_NAME: "a function whose name CUDA or C++ reserves",
    CARRIED_ARRAY: "an iteration uses an array element that another iteration writes",
    CARRIED_SCALAR: "a scalar carries its value from one iteration to the next",
    UNKNOWN_SUBSCRIPT: "a written subscript that is not an affine function of the loop counters",
    STRICT_FP: "the parallel form would reorder floating-point sums or products, which --strict-fp forbids",
    EARLY_EXIT: "the loop can be left early (break or return)",
    UNCOUNTED_LOOP: "the number of iterations is not known when the loop starts",
    NO_LOOP: "the function has no loop",
    UNKNOWN_EXTENT: "the number of elements behind a pointer cannot be found (give it with --extent)",
    UNKNOWN_POINTER: "a pointer that may point to more than one array, or that is a member of a struct",
    KERNEL_CALL: "a call that a kernel cannot make",
    NO_ATOMIC: "an update that CUDA has no atomic operation for",
    HOST_CONSTRUCT: "a statement around the loops that the host wrapper cannot hold",
    UNINITIALISED: "a variable is read before it has a value",
    NOT_ONE_KERNEL: "a function that no single kernel with its parameters can stand for (it returns a value, say)",
    ONE_BLOCK: "in a single kernel the loops have to wait for each other: one block runs them",
    ONE_THREAD: "in a single kernel the function runs in order, by one thread",
}
