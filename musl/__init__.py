"""MuSL: translate sequential C into CUDA, and show function by function that the result computes the same."""
