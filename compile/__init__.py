"""Toolchain and execution: host compilers, nvcc, the emulator, the sandbox and the outcome of a run."""
