"""Codes of a bottleneck as bytes."""

import numpy as np
from keras import ops

from umbed_keras.codec.exact_context import ExactContext
from umbed_keras.codec.integer_network import IntegerNetwork
from umbed_keras.codec.learning import learn_tables
from umbed_keras.codec.range_coder import Decoder, Encoder
from umbed_keras.codec.table_model import NoContext, TableModel, context_tables, stored_tables

# What arrays of the bottleneck's own are called in a codec's.
SETTING = "setting_"
# Codes whose latents are looked at.
LATENTS = 1 << 16


class Codec:
    """Codes as bytes and back.

    Args:
        bottleneck: a `umbed_keras.layers.Bottleneck`.
        arrays: name to NumPy array, what `learn` found.

    Raises:
        ValueError: arrays of another bottleneck.
    """

    def __init__(self, bottleneck, arrays):
        self.bottleneck, self.arrays = bottleneck, arrays
        self._settings = {
            name.removeprefix(SETTING): part
            for name, part in arrays.items()
            if name.startswith(SETTING)
        }
        tables = {name: part for name, part in arrays.items() if not name.startswith(SETTING)}
        model = self._entropy_model()
        if model.context is not None:
            self._model = TableModel(ExactContext(model.context), context_tables())
        elif model.density is not None:
            self._model = _static_model(len(model.symbols), tables)
        else:
            self._model = IntegerNetwork(model.symbols, tables)

    @classmethod
    def learn(cls, bottleneck, codes, **options):
        """A codec for such codes.

        Args:
            bottleneck: a `umbed_keras.layers.Bottleneck`.
            codes: list of dictionaries, maps of codes `(rows, cols, ...)`.
            **options: of `learn_tables`.
        """
        model = bottleneck.entropy_model()
        if model.context is not None:
            return cls(bottleneck, {})
        if model.density is not None:
            return cls(bottleneck, stored_tables(model.density.tables()))
        settings = model.settings(codes)
        model = model.with_settings(settings)
        maps = [model.to_symbols(part) for part in codes]
        values = np.concatenate([part.reshape(-1, len(model.symbols)) for part in maps])[:LATENTS]
        latents = bottleneck.decode(model.from_symbols(values))
        arrays = learn_tables(model.symbols, maps, ops.convert_to_numpy(latents), **options)
        arrays |= {SETTING + name: part for name, part in settings.items()}
        return cls(bottleneck, arrays)

    def encode(self, codes):
        """The bytes of a map of codes `(rows, cols, ...)`."""
        symbols = self._entropy_model().to_symbols(codes)
        rows, cols, count = symbols.shape
        encoder = Encoder()
        self._model.transfer(encoder, symbols.reshape(-1, count), rows, cols)
        return encoder.data()

    def decode(self, data, rows, cols):
        """The codes `(rows, cols, ...)` that bytes stand for; ValueError for damaged ones."""
        # Twice as improbable would still be less: the coder's probabilities are a bit rounded.
        if 8 * (len(data) + 4) < rows * cols * self._model.least_bits / 2:
            raise ValueError(
                f"The stream is damaged: {len(data)} bytes can't hold {rows} x {cols} codes."
            )
        decoder = Decoder(data)
        symbols = self._model.transfer(decoder, None, rows, cols)
        decoder.check_end()
        return self._entropy_model().from_symbols(symbols.reshape(rows, cols, -1))

    def _entropy_model(self):
        """That of the bottleneck's current weights."""
        return self.bottleneck.entropy_model().with_settings(self._settings)


def _static_model(channels, tables):
    centres, counts = (tables.get(name, np.zeros(0)) for name in ("centres", "counts"))
    if centres.shape != (channels,) or counts.ndim != 2 or counts.dtype != "int32":
        raise ValueError(f"The codec must hold tables of {channels} channels.")
    if len(counts) != len(centres) or counts.shape[1] % 2 or centres.dtype != "int32":
        raise ValueError("The codec's counts must be a row a channel.")
    if not ((counts >= 0).all() and (counts[:, -1] > 0).all() and (abs(centres) < 2**24).all()):
        raise ValueError("The codec's counts must be 0 or more, and escapes' above it.")
    return TableModel(NoContext(centres), counts.astype("float64"))
