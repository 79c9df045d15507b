"""Compilers that get ready once and are forked for every unit."""
