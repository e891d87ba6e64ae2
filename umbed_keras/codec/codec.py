"""Codes of a bottleneck as bytes, and bytes as codes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.entropy_models.entropy_model import EntropyModel
from umbed_keras.codec.integer_context import IntegerContext
from umbed_keras.codec.integer_network import IntegerNetwork
from umbed_keras.codec.range_coder import Decoder, Encoder
from umbed_keras.codec.table_model import ChannelTables, TableModel, density_arrays
from umbed_keras.codec.training import train_network
from umbed_keras.typing import Codes

# Prefix of the names of arrays that are settings of the entropy model.
SETTING = "setting_"
# Codes whose latents the training looks at, at most.
LATENTS = 1 << 16


class Codec:
    """Writes the codes of a bottleneck as bytes, and reads them back.

    Args:
        bottleneck: `umbed_keras.layers.Bottleneck`, built.
        arrays: name to NumPy array, the `arrays` of a codec from `learn`. Empty if the entropy
            model of the bottleneck needs none.

    Raises:
        ValueError: if `arrays` do not fit the bottleneck.
        NotImplementedError: if the bottleneck has no entropy model.

    Examples:
        >>> layer = uk.layers.FiniteScalarQuantizer(latent_dim=1, levels=4)
        >>> codes = {"indices": np.array([[[0], [3]], [[1], [2]]], "int32")}
        >>> layer.build()
        >>> codec = Codec.learn(layer, [codes], verbose=0, epochs=1)
        >>> data = codec.encode(codes)
        >>> codec.decode(data, rows=2, cols=2)["indices"].tolist()
        [[[0], [3]], [[1], [2]]]
    """

    def __init__(self, bottleneck: Bottleneck, arrays: Mapping[str, np.ndarray]):
        self.bottleneck, self.arrays = bottleneck, arrays
        self._settings = {
            name.removeprefix(SETTING): part
            for name, part in arrays.items()
            if name.startswith(SETTING)
        }
        tables = {name: part for name, part in arrays.items() if not name.startswith(SETTING)}
        model = self._entropy_model()
        if model.context is not None:
            self._model = TableModel(IntegerContext(model.context))
        elif model.density is not None:
            self._model = TableModel(ChannelTables(len(model.symbols), tables))
        else:
            self._model = IntegerNetwork(model.symbols, tables)

    @classmethod
    def learn(cls, bottleneck: Bottleneck, codes: Sequence[Codes], **options: Any) -> "Codec":
        """Makes a codec whose probabilities are learned from codes.

        If the bottleneck has a density or a context of its own, the codes are ignored.

        Args:
            bottleneck: `umbed_keras.layers.Bottleneck`, built.
            codes: list of codes, each a map of NumPy arrays `(rows, cols, ...)`.
            **options: `seed`, `verbose` and `epochs` of `train_network`.

        Returns:
            `Codec`.

        Raises:
            ValueError: if the codes cannot be converted to symbols.
            NotImplementedError: if the bottleneck has no entropy model.
        """
        model = bottleneck.entropy_model()
        if model.context is not None:
            return cls(bottleneck, {})
        if model.density is not None:
            return cls(bottleneck, density_arrays(model.density.tables()))
        settings = model.settings(codes)
        model = model.with_settings(settings)
        maps = [model.to_symbols(part) for part in codes]
        values = np.concatenate([part.reshape(-1, len(model.symbols)) for part in maps])[:LATENTS]
        latents = bottleneck.decode(model.from_symbols(values))
        arrays = train_network(model.symbols, maps, ops.convert_to_numpy(latents), **options)
        arrays |= {SETTING + name: part for name, part in settings.items()}
        return cls(bottleneck, arrays)

    def encode(self, codes: Codes) -> bytes:
        """Writes a map of codes.

        Args:
            codes: NumPy arrays `(rows, cols, ...)`.

        Returns:
            bytes, a multiple of 4.

        Raises:
            ValueError: if the codes cannot be converted to symbols.
            ImportError: if constriction is not installed.
        """
        symbols = self._entropy_model().to_symbols(codes)
        rows, cols, count = symbols.shape
        encoder = Encoder()
        self._model.transfer(encoder, symbols.reshape(-1, count), rows, cols)
        return encoder.data()

    def decode(self, data: bytes, rows: int, cols: int) -> dict[str, np.ndarray]:
        """Reads a map of codes.

        Args:
            data: bytes from `encode`.
            rows: int, height of the map.
            cols: int, width of the map.

        Returns:
            Codes, NumPy arrays `(rows, cols, ...)`.

        Raises:
            ValueError: if `data` are damaged, or too few for a map of this size.
            ImportError: if constriction is not installed.
        """
        # Before anything is allocated. Half of the least cost, as the coder rounds probabilities.
        if 8 * (len(data) + 4) < rows * cols * self._model.least_bits / 2:
            raise ValueError(
                f"The stream is damaged: {len(data)} bytes can't hold {rows} x {cols} codes."
            )
        decoder = Decoder(data)
        symbols = self._model.transfer(decoder, None, rows, cols)
        decoder.check_end()
        return self._entropy_model().from_symbols(symbols.reshape(rows, cols, -1))

    def _entropy_model(self) -> EntropyModel:
        """Returns the entropy model of the bottleneck's current weights."""
        return self.bottleneck.entropy_model().with_settings(self._settings)
