"""Runs a function over many rows: in chunks whose working set stays in cache, and compiled."""

from keras import backend, ops

from umbed_keras.backend.exporting import exporting

# Entries of one `(rows, num_atoms)` working array of a chunk. PyTorch, which isn't compiled, needs
# larger ones, for an operation to be worth more than its dispatch on every thread.
CHUNK_ENTRIES = {"torch": 1 << 21}.get(backend.backend(), 1 << 18)


def map_chunks(function, signals, constants, **options):
    """`function(signals, *constants, **options)` over chunks of signals.

    The function returns a tuple of arrays `(k, n)` of n signals, joined here along that last axis.
    The number of signals must be known; where it is not (a TensorFlow graph with a free batch
    size, a graph that is exported), all of them are one chunk.
    """
    count = signals.shape[0]
    if count is None or exporting():
        return function(signals, *constants, **options)
    rows = max(1, CHUNK_ENTRIES // max(constants[0].shape))
    if backend.backend() == "torch":
        return _one_by_one(function, signals, constants, options, rows)
    # Padded, so that few shapes are compiled: to a power of two, or to whole chunks.
    padded = 1 << max(count - 1, 0).bit_length() if count <= rows else -(-count // rows) * rows
    if padded != count:
        signals = ops.pad(signals, ((0, padded - count), (0, 0)))
    run = {"jax": _jax, "tensorflow": _tensorflow}[backend.backend()]
    results = run(function, signals, constants, options, min(rows, padded))
    return tuple(array[:, :count] for array in results)


def _one_by_one(function, signals, constants, options, rows):
    parts = [
        function(signals[start : start + rows], *constants, **options)
        for start in range(0, max(signals.shape[0], 1), rows)
    ]
    if len(parts) == 1:
        return parts[0]
    return tuple(ops.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))


# Each function compiled once, for every shape and choice of options.
_compiled = {}


def _tensorflow(function, signals, constants, options, rows):
    """Each chunk compiled by XLA, which fuses what op by op would be memory-bound."""
    if function not in _compiled:
        import tensorflow as tf

        _compiled[function] = tf.function(function, jit_compile=True)
    return _one_by_one(_compiled[function], signals, constants, options, rows)


def _jax(function, signals, constants, options, rows):
    """Compiled as one loop: chunks side by side in a larger program would all be held at once."""
    if function not in _compiled:
        import jax

        def loop(chunks, constants, options):
            results = jax.lax.map(lambda part: function(part, *constants, **dict(options)), chunks)
            return [ops.reshape(ops.transpose(x, (1, 0, 2)), (x.shape[1], -1)) for x in results]

        _compiled[function] = jax.jit(loop, static_argnums=2)
    chunks = ops.reshape(signals, (-1, rows, signals.shape[1]))
    return _compiled[function](chunks, constants, tuple(options.items()))
