"""The range coder, of the library `constriction`."""

import contextlib

import numpy as np

from umbed_keras.extras import import_extra


def _constriction():
    return import_extra("constriction", "codec").stream


@contextlib.contextmanager
def _damage():
    try:
        yield
    except AssertionError as error:
        raise ValueError(f"The stream is damaged: {error}") from error


class Encoder:
    """Writes symbols."""

    def __init__(self):
        stream = _constriction()
        self._coder = stream.queue.RangeEncoder()
        self._model = stream.model.Categorical
        self._family = self._model(perfect=False)

    def transfer(self, symbols, frequencies):
        """Writes symbols and gives them back.

        Args:
            symbols: integers `(n,)`.
            frequencies: float64 `(n, size)`, whole numbers: how probable each value of a symbol
                is. One of 0 is taken for the smallest there is.
        """
        self._coder.encode(np.ascontiguousarray(symbols, "int32"), self._family, frequencies)
        return symbols

    def transfer_alike(self, symbols, count, frequencies):
        """As `transfer`, of `count` symbols that share their frequencies `(size,)`."""
        model = self._model(frequencies, perfect=False)
        self._coder.encode(np.ascontiguousarray(symbols, "int32"), model)
        return symbols

    def data(self):
        """All that was written, bytes."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class Decoder:
    """Reads what an `Encoder` wrote, by the same frequencies.

    Args:
        data: bytes.
    """

    def __init__(self, data):
        if len(data) % 4:
            raise ValueError("The stream is damaged: it isn't whole.")
        stream = _constriction()
        self._coder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype("uint32"))
        self._model = stream.model.Categorical
        self._family = self._model(perfect=False)

    def transfer(self, symbols, frequencies):
        """Reads and gives symbols `(n,)`, int32; those passed are ignored.

        Raises:
            ValueError: bytes that no encoder writes.
        """
        with _damage():
            return self._coder.decode(self._family, frequencies)

    def transfer_alike(self, symbols, count, frequencies):
        """As `transfer`, of `count` symbols that share their frequencies `(size,)`."""
        with _damage():
            return self._coder.decode(self._model(frequencies, perfect=False), count)

    def check_end(self):
        """Raises ValueError where there is more to read."""
        if not self._coder.maybe_exhausted():
            raise ValueError("The stream is damaged: it goes on beyond its codes.")
