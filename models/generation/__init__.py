"""Answers of language models: one protocol for models of this process and for servers."""
