"""The neural Tester: a language model writes calls of a function as C statements; what is valid becomes tests."""
