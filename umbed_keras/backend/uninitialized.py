"""Models whose weights have shapes and no values."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def uninitialized_variables() -> Iterator[None]:
    """Lets layers create variables without allocating them.

    Inside the context a model can be made and the shapes of its weights read, whatever their size.
    The values of the variables must not be used.

    Examples:
        >>> with uninitialized_variables():
        ...     layer = keras.layers.Dense(1 << 20)
        ...     layer.build((None, 1 << 20))
        >>> tuple(layer.kernel.shape)
        (1048576, 1048576)
    """
    # The one use of Keras's internals in this package. Keras keeps a list of variables that wait
    # for a value and initializes them at the end of the scope, and has no public way to empty it.
    from keras.src.backend.common import global_state

    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])
