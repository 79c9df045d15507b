"""A device program as CUDA text: helpers, kernels, and the host function that launches them."""

from __future__ import annotations

from collections.abc import Sequence

from data.synthesis.c_text import find_includes
from data.synthesis.draw import Draw
from data.synthesis.piece import Piece
from data.synthesis.print_code import declaration, print_function
from data.synthesis.sketch import Array, DeviceProgram, Launch, Statement

_KERNEL_FORMS = ("{}_kernel", "{}_kernel", "{}", "{}_gpu", "k_{}", "{}_device", "gpu_{}", "cuda_{}")
_HOST_FORMS = ("launch_{}", "run_{}", "{}_host", "{}_on_gpu", "call_{}", "do_{}", "{}_wrapper", "cuda_{}_run")
_POINTER_FORMS = ("d_{}", "d_{}", "dev_{}", "{}_d", "gpu_{}", "d{}")
_CHECK = """#define CHECK(call) \\
    do { \\
        cudaError_t err = (call); \\
        if (err != cudaSuccess) { \\
            fprintf(stderr, "CUDA error %s at line %d\\n", cudaGetErrorString(err), __LINE__); \\
            exit(1); \\
        } \\
    } while (0)"""


def cuda_piece(draw: Draw, program: DeviceProgram) -> Piece:
    """The program as CUDA text in the author's style."""
    base = draw.rng.choice(_KERNEL_FORMS).format(program.name)
    names = [_spelled(draw, f"{base}{'_' if launch.suffix else ''}{launch.suffix}") for launch in program.launches]
    host_name = _spelled(draw, draw.rng.choice(_HOST_FORMS).format(program.name))
    kernels = [_kernel(draw, launch, name) for launch, name in zip(program.launches, names, strict=True)]
    helpers = [print_function(draw, f"__device__ {helper.head}", helper.body) for helper in program.helpers]
    host = _Host(draw, program).text(host_name, names)
    text = "\n".join([*helpers, *kernels, host])
    definitions = "\n".join(draw.definitions)
    defined = (host_name, *names, *(helper.name for helper in program.helpers))
    includes = ("<cuda_runtime.h>", *find_includes(definitions + text))
    return Piece(host_name, text, definitions, includes, program.parameters, program.returns, defined, host)


def _spelled(draw: Draw, words: str) -> str:
    return draw.names.reserved(draw.names.spelled(words))


def _kernel(draw: Draw, launch: Launch, name: str) -> str:
    parameters = ", ".join(declaration(draw, parameter) for parameter in launch.parameters)
    return print_function(draw, f"__global__ void {name}({parameters})", launch.body)


class _Host:
    """The host function of one program."""

    def __init__(self, draw: Draw, program: DeviceProgram) -> None:
        self.draw, self.program = draw, program
        form = draw.rng.choice(_POINTER_FORMS)
        passed = {p.name for launch in program.launches for p in launch.parameters}
        arrays = [p for p in program.parameters if isinstance(p, Array) and p.name in passed]
        self.arrays = [*arrays, *program.temporaries]
        self.pointers = {array.name: draw.names.reserved(form.format(array.name)) for array in self.arrays}
        self.cast = draw.pick("", "(void **)", "(void**)")
        self.checked = draw.chance(0.2)
        self.byte_counts: dict[str, str] = {}

    def text(self, name: str, kernels: Sequence[str]) -> str:
        """The definition."""
        program = self.program
        parameters = ", ".join(declaration(self.draw, parameter) for parameter in program.parameters)
        body = [*self._set_up(), *self._launches(kernels), *self._tear_down()]
        return print_function(self.draw, f"{program.returns} {name}({parameters})", body)

    def _set_up(self) -> list[Statement]:
        draw = self.draw
        declared: list[Statement] = []
        if draw.chance(0.3):
            for array in self.arrays:
                count = draw.names.reserved(f"{array.name}_bytes")
                declared.append(f"size_t {count} = {self._bytes(array)};")
                self.byte_counts[array.name] = count
        declared += [f"{array.type} *{self.pointers[array.name]};" for array in self.arrays]
        allocations = [
            self._call(f"cudaMalloc({self.cast}&{self.pointers[a.name]}, {self._bytes(a)})") for a in self.arrays
        ]
        filled = [text for array in self.arrays for text in self._fill(array)]
        if draw.chance(0.3) and not self.byte_counts:
            by_array = [f"{a.type} *{self.pointers[a.name]};" for a in self.arrays]
            grouped = [line for pair in zip(by_array, allocations, strict=True) for line in pair]
            return [*grouped, *filled]
        return [*declared, *allocations, *filled]

    def _fill(self, array: Array) -> list[str]:
        pointer, size = self.pointers[array.name], self._bytes(array)
        if array in self.program.temporaries:
            return [self._call(f"cudaMemset({pointer}, 0, {size})")] if array.access == "inout" else []
        if array.access == "out":
            return []
        return [self._call(f"cudaMemcpy({pointer}, {array.name}, {size}, cudaMemcpyHostToDevice)")]

    def _launches(self, kernels: Sequence[str]) -> list[Statement]:
        result: list[Statement] = []
        for launch, kernel in zip(self.program.launches, kernels, strict=True):
            arguments = ", ".join(self.pointers.get(p.name, p.name) for p in launch.parameters)
            shared = f", {launch.shared}" if launch.shared else ""
            result += [*launch.before, f"{kernel}<<<{launch.grid}, {launch.block}{shared}>>>({arguments});"]
        if self.draw.chance(0.4):
            result.append(self._call("cudaDeviceSynchronize()"))
        elif self.checked:
            result.append(self._call("cudaGetLastError()"))
        return result

    def _tear_down(self) -> list[Statement]:
        program = self.program
        copies: list[Statement] = []
        for array in self.arrays:
            if array.access == "in":
                continue
            source = self.pointers[array.name]
            if array in program.temporaries:
                copies.append(f"{array.type} *{array.name} = ({array.type} *)malloc({self._bytes(array)});")
            copies.append(
                self._call(f"cudaMemcpy({array.name}, {source}, {self._bytes(array)}, cudaMemcpyDeviceToHost)")
            )
        frees: list[Statement] = [self._call(f"cudaFree({self.pointers[array.name]})") for array in self.arrays]
        host_frees = [f"free({a.name});" for a in program.temporaries if a.access != "in"]
        finish = list(program.finish)
        last = [finish.pop()] if program.returns != "void" else []
        return [*copies, *frees, *finish, *host_frees, *last]

    def _bytes(self, array: Array) -> str:
        if array.name in self.byte_counts:
            return self.byte_counts[array.name]
        return f"{array.extent} * sizeof({array.type})" if array.extent != "1" else f"sizeof({array.type})"

    def _call(self, call: str) -> str:
        if not self.checked:
            return f"{call};"
        self.draw.define(_CHECK)
        return f"CHECK({call});"
