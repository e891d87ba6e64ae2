"""Codes of a bottleneck as bytes."""

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
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

    By probabilities that were learned from codes; of a `ScalarQuantizer` by those
    that itself has learned.

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
        if knows_itself(bottleneck):
            self._model = TableModel(ExactContext(bottleneck.context), context_tables())
        elif has_density(bottleneck):
            self._model = _static_model(bottleneck, tables)
        else:
            try:
                spec = bottleneck.symbol_spec(**self._settings)
            except TypeError as error:
                raise ValueError(f"The codec is another bottleneck's: {error}") from error
            self._model = IntegerNetwork(spec, tables)

    @classmethod
    def learn(cls, bottleneck, codes, **options):
        """A codec for such codes.

        Args:
            bottleneck: a `umbed_keras.layers.Bottleneck`.
            codes: list of dictionaries, maps of codes `(rows, cols, ...)`.
            **options: of `learn_tables`.
        """
        if knows_itself(bottleneck):
            return cls(bottleneck, {})
        if has_density(bottleneck):
            return cls(bottleneck, stored_tables(bottleneck.probability_tables()))
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
        return self.bottleneck.from_symbols(symbols.reshape(rows, cols, -1), **self._settings)


def has_density(bottleneck):
    """Whether a bottleneck has learned by itself how probable its integers are."""
    return isinstance(bottleneck, ScalarQuantizer)


def knows_itself(bottleneck):
    """Whether it can say so the same on every machine, and nothing need be stored."""
    return has_density(bottleneck) and bottleneck.context is not None


def _static_model(bottleneck, tables):
    centres, counts = (tables.get(name, np.zeros(0)) for name in ("centres", "counts"))
    if centres.shape != (bottleneck.latent_dim,) or counts.ndim != 2 or counts.dtype != "int32":
        raise ValueError(f"The codec must hold tables of {bottleneck.latent_dim} channels.")
    if len(counts) != len(centres) or counts.shape[1] % 2 or centres.dtype != "int32":
        raise ValueError("The codec's counts must be a row a channel.")
    if not ((counts >= 0).all() and (counts[:, -1] > 0).all() and (abs(centres) < 2**24).all()):
        raise ValueError("The codec's counts must be 0 or more, and escapes' above it.")
    return TableModel(NoContext(centres), counts.astype("float64"))
