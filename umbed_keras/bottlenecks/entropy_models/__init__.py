"""Entropy models: how codes become symbols, and where the probabilities of symbols come from.

A bottleneck returns one from `entropy_model()`, and a codec needs nothing else to write the codes
as bytes. `entropy_model` holds the base class and `Symbol`. `integer_codes` serves codes that are
integers, `sparse_codes` pairs of atoms and quantised coefficients, and `quantized_means` the means
of a Gaussian.
"""
