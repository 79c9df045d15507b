"""C <-> CUDA: the Translator protocol and its implementations."""
