"""Synthesized C functions and CUDA kernels: seeded draws from families of HPC idioms, never pairs."""
