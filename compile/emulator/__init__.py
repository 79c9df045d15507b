"""CUDA on the CPU: the real .cu text, compiled by g++."""
