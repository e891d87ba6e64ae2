"""Codes of a bottleneck as bytes."""

import numpy as np
from keras import ops

from umbed_keras.codec.integer_network import IntegerNetwork
from umbed_keras.codec.learning import learn_tables
from umbed_keras.codec.range_coder import Decoder, Encoder

# What arrays of the bottleneck's own are called in a codec's.
SETTING = "setting_"
# Codes whose latents are looked at.
LATENTS = 1 << 16


class Codec:
    """Codes as bytes and back, by probabilities that were learned from codes.

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
        self._network = IntegerNetwork(bottleneck.symbol_spec(**self._settings), tables)

    @classmethod
    def learn(cls, bottleneck, codes, **options):
        """A codec for such codes.

        Args:
            bottleneck: a `umbed_keras.layers.Bottleneck`.
            codes: list of dictionaries, maps of codes `(rows, cols, ...)`.
            **options: of `learn_tables`.
        """
        settings = bottleneck.symbol_settings(codes)
        spec = bottleneck.symbol_spec(**settings)
        maps = [bottleneck.to_symbols(part, **settings) for part in codes]
        values = np.concatenate([part.reshape(-1, len(spec)) for part in maps])[:LATENTS]
        latents = bottleneck.decode(bottleneck.from_symbols(values, **settings))
        arrays = learn_tables(spec, maps, ops.convert_to_numpy(latents), **options)
        arrays |= {SETTING + name: part for name, part in settings.items()}
        return cls(bottleneck, arrays)

    def encode(self, codes):
        """The bytes of a map of codes `(rows, cols, ...)`."""
        symbols = self.bottleneck.to_symbols(codes, **self._settings)
        rows, cols, count = symbols.shape
        encoder = Encoder()
        self._network.transfer(encoder, symbols.reshape(-1, count), rows, cols)
        return encoder.data()

    def decode(self, data, rows, cols):
        """The codes `(rows, cols, ...)` that bytes stand for; ValueError for damaged ones."""
        decoder = Decoder(data)
        symbols = self._network.transfer(decoder, None, rows, cols)
        decoder.check_end()
        return self.bottleneck.from_symbols(symbols.reshape(rows, cols, -1), **self._settings)
