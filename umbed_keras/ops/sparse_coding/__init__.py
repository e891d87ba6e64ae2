"""Sparse coding: signals as combinations of a few atoms of a dictionary."""
