"""Running a function over many rows, in chunks whose working set stays in cache."""

from collections.abc import Callable
from typing import Any

from keras import backend, ops

from umbed_keras.backend.exporting import exporting
from umbed_keras.typing import Tensor

# Entries of one `(rows, num_atoms)` working array of a chunk. PyTorch needs more, because without a
# compiler an operation must take longer than its dispatch to every thread.
CHUNK_ENTRIES = {"torch": 1 << 21}.get(backend.backend(), 1 << 18)


def map_chunks(
    function: Callable[..., tuple[Tensor, ...]],
    signals: Tensor,
    constants: tuple[Tensor | None, ...],
    **options: Any,
) -> tuple[Tensor, ...]:
    """Computes `function(signals, *constants, **options)` over chunks of signals.

    If the number of signals is unknown (in a TensorFlow graph with a free batch size, or in a
    graph that is exported), all signals are one chunk.

    Args:
        function: Maps signals of shape `(n, dim)`, the constants and the options to a tuple of
            tensors of shape `(k, n)`.
        signals: Tensor of shape `(n, dim)`.
        constants: Tensors, or None, that all chunks share.
        **options: Hashable arguments that all chunks share.

    Returns:
        The tensors of all chunks, joined along their last axis.

    Examples:
        >>> def norms(signals, scale):
        ...     return (keras.ops.sum(scale * signals * signals, axis=1)[None],)
        >>> signals = keras.ops.ones((5, 3))
        >>> (result,) = map_chunks(norms, signals, (keras.ops.convert_to_tensor([2.0]),))
        >>> keras.ops.convert_to_numpy(result).tolist()
        [[6.0, 6.0, 6.0, 6.0, 6.0]]
    """
    count = signals.shape[0]
    if count is None or exporting():
        return function(signals, *constants, **options)
    rows = max(1, CHUNK_ENTRIES // max(constants[0].shape))
    compilers = {"jax": _jax, "tensorflow": _tensorflow}
    if backend.backend() not in compilers:
        return _one_by_one(function, signals, constants, options, rows)
    # Padded to a power of two, or to whole chunks, so that few shapes are compiled.
    padded = 1 << max(count - 1, 0).bit_length() if count <= rows else -(-count // rows) * rows
    if padded != count:
        signals = ops.pad(signals, ((0, padded - count), (0, 0)))
    results = compilers[backend.backend()](function, signals, constants, options, min(rows, padded))
    return tuple(array[:, :count] for array in results)


def _one_by_one(function, signals, constants, options, rows):
    """Runs one chunk after the other and joins the results."""
    parts = [
        function(signals[start : start + rows], *constants, **options)
        for start in range(0, max(signals.shape[0], 1), rows)
    ]
    if len(parts) == 1:
        return parts[0]
    return tuple(ops.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))


# Compiled functions. Each is compiled once for every shape and choice of options.
_compiled = {}


def _tensorflow(function, signals, constants, options, rows):
    """Runs each chunk compiled by XLA, which fuses operations that are bound by memory."""
    if function not in _compiled:
        import tensorflow as tf

        _compiled[function] = tf.function(function, jit_compile=True)
    return _one_by_one(_compiled[function], signals, constants, options, rows)


def _jax(function, signals, constants, options, rows):
    """Runs all chunks in one compiled loop, because unrolled chunks would all be held at once."""
    if function not in _compiled:
        import jax

        def loop(chunks, constants, options):
            results = jax.lax.map(lambda part: function(part, *constants, **dict(options)), chunks)
            return [ops.reshape(ops.transpose(x, (1, 0, 2)), (x.shape[1], -1)) for x in results]

        _compiled[function] = jax.jit(loop, static_argnums=2)
    chunks = ops.reshape(signals, (-1, rows, signals.shape[1]))
    return _compiled[function](chunks, constants, tuple(options.items()))
