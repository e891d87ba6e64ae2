"""Sparse coding: signals as combinations of a few atoms of a dictionary.

Each coder has a module of its own, and so has `sparse_decode`. `_arguments` checks and prepares
the arguments of every coder, `_chunked` runs a coder over many signals, and `_torch_pursuit` holds
the parts of `orthogonal_matching_pursuit` that are written in PyTorch for speed.
"""
