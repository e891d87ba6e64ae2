"""Vectors of images of any number type, channels and planes."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from umbed_keras.images.channels import channel_groups, chosen_channels
from umbed_keras.images.image import Image
from umbed_keras.images.scaled_plane import ScaledPlane
from umbed_keras.images.scaling import Scaling
from umbed_keras.models.pixel_embedder.pixel_embedder import PixelEmbedder


class ImageVectors:
    """Embeds the planes of an image, whole or by windows, in a common scaling.

    Three colour channels are embedded together; a grey channel is repeated; the channels of any
    other image are embedded one by one, and their vectors stand one after the other (see
    `umbed_keras.images.channels.channel_groups`). Time and memory grow with the number of groups.
    Pixels without data get vectors of NaN.

    Args:
        embedder: `PixelEmbedder`.
        image: `Image`.
        scaling: `Scaling`; without limits it is fitted to the image, all planes together.
        channels: indices or names of the channels to use, in order; None uses all.

    Raises:
        ValueError: if `channels` names a channel that is not there, the embedder does not take
            their number, or `scaling` has limits for another number of channels.

    Examples:
        >>> embedder = uk.PixelEmbedder(latent_dim=4, widths=(4, 4), hidden_units=(4,))
        >>> image = uk.Image(np.arange(1200).reshape(2, 20, 30), axes="cyx")
        >>> vectors = ImageVectors(embedder, image)
        >>> vectors.num_groups, vectors.embed().shape
        (2, (20, 30, 8))
    """

    def __init__(
        self,
        embedder: PixelEmbedder,
        image: Image,
        scaling: Scaling | None = None,
        channels: Sequence[int | str] | None = None,
    ):
        self.embedder, self.image = embedder, image
        self.channels = chosen_channels(image, channels)
        self._groups = channel_groups(image, embedder.channels, channels)
        self.scaling = (scaling or Scaling()).fit(image)
        if len(self.scaling.limits) not in (1, image.num_channels):
            raise ValueError(
                f"`scaling` has limits of {len(self.scaling.limits)} channels, and {image.name} "
                f"has {image.num_channels}."
            )

    @property
    def num_groups(self) -> int:
        """The number of times that the embedder runs, and that its vector's size is multiplied."""
        return len(self._groups)

    @property
    def is_grey(self) -> bool:
        """Whether the embedder takes copies of one channel."""
        return len(self._groups) == 1 and len(set(self._groups[0])) == 1

    @property
    def num_features(self) -> int:
        """The number of a pixel's features: those of `values`, and of its vector."""
        return len(self._together) + self.num_groups * self.embedder.latent_dim

    @property
    def _together(self) -> tuple[int, ...]:
        return self._groups[0] if len(self._groups) == 1 else self.channels

    def values(
        self, plane: tuple[int, ...] = (), rows: slice | None = None, cols: slice | None = None
    ) -> np.ndarray:
        """Reads and scales a window of a plane.

        Args:
            plane: index along the image's `plane_axes`.
            rows, cols: slices without a step; None takes all.

        Returns:
            float32 array `(rows, cols, channels)` in 0..1: the channels as the embedder takes
            them where they go together, and each once where they do not. 0 without data.
        """
        source = ScaledPlane(self.image, self.scaling, plane, self._together)
        return source[rows or slice(None), cols or slice(None)]

    def valid(
        self, plane: tuple[int, ...] = (), rows: slice | None = None, cols: slice | None = None
    ) -> np.ndarray:
        """Returns which pixels of a window hold data, a boolean array `(rows, cols)`.

        Args:
            plane, rows, cols: as in `values`.
        """
        return self.image.valid(rows, cols, plane)

    def embed(
        self,
        plane: tuple[int, ...] = (),
        rows: slice | None = None,
        cols: slice | None = None,
    ) -> np.ndarray:
        """Embeds a plane, or a window of it with its surroundings.

        Args:
            plane: index along the image's `plane_axes`.
            rows, cols: slices that begin at multiples of the embedder's `stride`; None embeds the
                whole plane.

        Returns:
            float32 array `(rows, cols, num_groups * latent_dim)`, NaN without data.
        """
        parts = [self._embedded(group, plane, rows, cols) for group in self._groups]
        vectors = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        valid = self.valid(plane, rows, cols)
        if not valid.all():
            vectors = np.where(valid[..., None], vectors, np.float32(np.nan))
        return vectors

    def encode(
        self, plane: tuple[int, ...], rows: slice, cols: slice
    ) -> list[dict[str, np.ndarray]]:
        """Encodes a window of a plane.

        Args:
            plane, rows, cols: as in `embed`.

        Returns:
            For each group of channels what `PixelEmbedder.encode` returns, without the batch.
        """
        embed = self.embedder.embed_window
        sources = [self._source(group, plane) for group in self._groups]
        return [
            cast(dict[str, np.ndarray], embed(source, rows, cols, codes=True)) for source in sources
        ]

    def _source(self, group: tuple[int, ...], plane: tuple[int, ...]) -> ScaledPlane:
        return ScaledPlane(self.image, self.scaling, plane, group)

    def _embedded(
        self, group: tuple[int, ...], plane: tuple[int, ...], rows: Any, cols: Any
    ) -> np.ndarray:
        source = self._source(group, plane)
        if rows is None and cols is None:
            return self.embedder.embed(source[:, :][None])[0]
        rows = slice(0, self.image.height) if rows is None else rows
        cols = slice(0, self.image.width) if cols is None else cols
        return cast(np.ndarray, self.embedder.embed_window(source, rows, cols))
