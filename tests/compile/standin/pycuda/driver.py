"""What the worker on the GPU uses of PyCUDA, over ctypes: for tests where PyCUDA is not installed. The driver that
these calls reach is the stand-in of libcuda.c, which is no GPU."""

from __future__ import annotations

import ctypes

_DRIVER = ctypes.CDLL("libcuda.so.1", ctypes.RTLD_GLOBAL)


class Error(Exception):
    """A call of the driver that failed."""


def _call(name: str, *arguments: object) -> None:
    result = getattr(_DRIVER, name)(*arguments)
    if result != 0:
        raise Error(f"{name} failed: {result}")


def init() -> None:
    _call("cuInit", 0)


class Context:
    def __init__(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle

    def push(self) -> None:
        _call("cuCtxPushCurrent_v2", self._handle)

    def synchronize(self) -> None:
        _call("cuCtxSynchronize")


class Device:
    def __init__(self, number: int) -> None:
        self._number = ctypes.c_int()
        _call("cuDeviceGet", ctypes.byref(self._number), number)

    def retain_primary_context(self) -> Context:
        handle = ctypes.c_void_p()
        _call("cuDevicePrimaryCtxRetain", ctypes.byref(handle), self._number)
        return Context(handle)


class Event:
    def __init__(self) -> None:
        self._handle = ctypes.c_void_p()
        _call("cuEventCreate", ctypes.byref(self._handle), 0)

    def record(self) -> Event:
        _call("cuEventRecord", self._handle, None)
        return self

    def synchronize(self) -> Event:
        _call("cuEventSynchronize", self._handle)
        return self

    def time_till(self, event: Event) -> float:
        milliseconds = ctypes.c_float()
        _call("cuEventElapsedTime", ctypes.byref(milliseconds), self._handle, event._handle)
        return milliseconds.value


def mem_alloc(size: int) -> ctypes.c_uint64:
    pointer = ctypes.c_uint64()
    _call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
    return pointer


def memset_d8(pointer: ctypes.c_uint64, value: int, size: int) -> None:
    _call("cuMemsetD8_v2", pointer, ctypes.c_ubyte(value), ctypes.c_size_t(size))
