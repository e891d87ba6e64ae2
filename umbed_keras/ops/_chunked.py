"""Runs a function over rows in chunks, so that its working set stays in cache."""

from keras import backend, ops

# Entries of one `(rows, num_atoms)` working array of a chunk.
CHUNK_ENTRIES = 1 << 20


def map_chunks(function, signals, constants, **options):
    """`function(signals, *constants, **options)` over chunks of signals.

    The function returns arrays `(..., n)` of n signals, which are joined along that last axis.

    The number of signals must be known; where it is not (a TensorFlow graph with a free batch
    size), all of them are one chunk.
    """
    function = _compiled(function)
    rows = max(1, CHUNK_ENTRIES // max(constants[0].shape))
    count = signals.shape[0]
    if count is None or count <= rows:
        return function(signals, *constants, **options)
    parts = [
        function(signals[start : start + rows], *constants, **options)
        for start in range(0, count, rows)
    ]
    return tuple(ops.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))


_jitted = {}


def _compiled(function):
    """On JAX the same function compiled: op by op it would be dispatch-bound."""
    if backend.backend() != "jax":
        return function
    if function not in _jitted:
        import jax

        _jitted[function] = jax.jit(
            function, static_argnames=("sparsity", "tolerance", "selection")
        )
    return _jitted[function]
