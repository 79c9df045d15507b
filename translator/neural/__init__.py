"""Translators that are language models: questions, how answers are read, the host wrapper around a kernel."""
