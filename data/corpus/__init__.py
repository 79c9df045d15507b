"""Corpora: rows of source code, the cleaning that makes them, and the shards they are kept in."""
