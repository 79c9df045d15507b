"""Pretraining of a causal model of code from scratch, as MonoCoder (arXiv 2312.13322) did on HPCorpus."""
