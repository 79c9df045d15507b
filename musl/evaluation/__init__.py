"""Scores of translations and of tests: the field's metrics, the runs that make them, and the records that hold them."""
