"""Translators that learn nothing: what a trained one has to be better than."""
