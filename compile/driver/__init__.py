"""The driver: main() of every executable under test, in C++, and the call stub that is generated for each function."""
