"""Unit tests: the Tester protocol and its implementations."""
