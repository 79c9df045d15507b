"""Stands in for PyCUDA where it is not installed: see driver.py."""
