"""The trace runtime: C sources only."""
