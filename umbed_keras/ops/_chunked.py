"""Runs a function over many rows: in chunks whose working set stays in cache, and compiled."""

from keras import backend, ops

# Entries of one `(rows, num_atoms)` working array of a chunk. PyTorch, which isn't compiled, needs
# larger ones, for an operation to be worth more than its dispatch on every thread.
CHUNK_ENTRIES = {"torch": 1 << 21}.get(backend.backend(), 1 << 18)


def map_chunks(function, signals, constants, **options):
    """`function(signals, *constants, **options)` over chunks of signals.

    The function returns a tuple of arrays `(..., n)` of n signals, joined here along that last
    axis. The number of signals must be known; where it is not (a TensorFlow graph with a free
    batch size), all of them are one chunk.
    """
    count = signals.shape[0]
    if count is None:
        return function(signals, *constants, **options)
    rows = max(1, CHUNK_ENTRIES // max(constants[0].shape))
    run = {"jax": _jax, "tensorflow": _tensorflow}.get(backend.backend(), _plain)(function)
    parts = [
        run(signals[start : start + rows], *constants, **options)
        for start in range(0, max(count, 1), rows)
    ]
    if len(parts) == 1:
        return parts[0]
    return tuple(ops.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True))


def _plain(function):
    return function


# Each function compiled once, for every shape and choice of options.
_compiled = {}


def _jax(function):
    """Compiled: op by op it would be dispatch-bound."""
    if function not in _compiled:
        import jax

        names = ("sparsity", "tolerance", "selection")
        _compiled[function] = jax.jit(function, static_argnames=names)
    return _in_buckets(_compiled[function])


def _tensorflow(function):
    """Compiled by XLA, which fuses what op by op would be memory-bound."""
    if function not in _compiled:
        import tensorflow as tf

        _compiled[function] = tf.function(function, jit_compile=True)
    return _in_buckets(_compiled[function])


def _in_buckets(function):
    """Pads signals to a power of two, so that few shapes are compiled."""

    def padded(signals, *constants, **options):
        count = signals.shape[0]
        missing = (1 << max(count - 1, 0).bit_length()) - count
        if not missing:
            return function(signals, *constants, **options)
        results = function(ops.pad(signals, ((0, missing), (0, 0))), *constants, **options)
        return tuple(array[..., :count] for array in results)

    return padded
