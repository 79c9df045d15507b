"""The families: what is drawn from, one file for each field of computing."""
