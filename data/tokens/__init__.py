"""Tokens: the lexical tokens of C, texts with names and literals made anonymous, and byte-level BPE vocabularies."""
