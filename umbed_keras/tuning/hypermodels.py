"""KerasTuner hypermodels of pixel embedders and image autoencoders."""

from typing import Any

import keras_tuner

from umbed_keras.models import ImageAutoencoder, PixelEmbedder
from umbed_keras.tuning._bottleneck_hypermodel import BottleneckHyperModel
from umbed_keras.tuning.scopes import choose_value
from umbed_keras.tuning.space import (
    DICTIONARY,
    ImageAutoencoderSpace,
    Names,
    PixelEmbedderSpace,
    Rates,
    Sizes,
)


class PixelEmbedderHyperModel(BottleneckHyperModel):
    """Hypermodel of `PixelEmbedder`.

    Each hyperparameter is one value, which is fixed, or a list or tuple of values to choose from.
    The search leaves out sparsities above the number of atoms or above `latent_dim`.

    Args:
        bottleneck: str, one of `"gaussian"`, `"vector"`, `"residual"`, `"dictionary"`, `"scalar"`
            (a few levels) and `"density"` (integers, trained for their bits at `rate_weight`).
        latent_dim: int >= 1, size of a pixel's vector.
        num_entries: int >= 2, entries of the codebook or atoms of the dictionary (K).
        sparsity: int >= 1, atoms of a vector, or stages of residual quantisation (S).
        levels: int >= 2, levels of a scalar quantiser.
        learning_rate: float > 0, of Adam. A tuple of two is a range, searched on a logarithmic
            scale.
        width: int >= 1, channels of the U-Net at half the resolution. Each further level has twice
            as many.
        hidden_units: int >= 1, width of the decoder's two hidden layers.
        rate_weight: float >= 0, squared error that a bit per pixel is worth in the objective,
            `val_rate_distortion`.
        coefficient_bits: int, bits of a dictionary's coefficient, or None for 32-bit floats.
        seed: int, seed of the models.
        **options: other arguments of `PixelEmbedder`.

    Raises:
        ValueError: if a hyperparameter has no value, or a value out of its range.
        ValueError: if no sparsity is small enough for one of the latent dims.
        ValueError: if `rate_weight` is below 0, or 0 with the bottleneck `"density"`.

    Examples:
        >>> hypermodel = uk.tuning.PixelEmbedderHyperModel(
        ...     bottleneck=["vector", "dictionary"], latent_dim=[8, 16], patch_size=4
        ... )
        >>> hypermodel.space.latent_dim, hypermodel.space.width
        ([8, 16], 32)
        >>> hypermodel.options
        {'patch_size': 4}
    """

    space: PixelEmbedderSpace

    def __init__(
        self,
        bottleneck: Names = DICTIONARY,
        latent_dim: Sizes = (4, 8, 16, 32),
        num_entries: Sizes = (16, 64, 256),
        sparsity: Sizes = (1, 2, 4, 8),
        levels: Sizes = (4, 8, 16),
        learning_rate: Rates = 1e-3,
        width: Sizes = 32,
        hidden_units: Sizes = 128,
        rate_weight: float = 1e-5,
        coefficient_bits: int | None = 8,
        seed: int = 0,
        **options: Any,
    ) -> None:
        space = PixelEmbedderSpace(
            bottleneck=bottleneck,
            latent_dim=latent_dim,
            num_entries=num_entries,
            sparsity=sparsity,
            levels=levels,
            learning_rate=learning_rate,
            width=width,
            hidden_units=hidden_units,
        )
        super().__init__(space, rate_weight, coefficient_bits, seed, options)

    def build(self, hp: keras_tuner.HyperParameters) -> PixelEmbedder:
        """Builds and compiles a model.

        Args:
            hp: `keras_tuner.HyperParameters` of the trial.

        Returns:
            `PixelEmbedder`.
        """
        bottleneck, latent_dim = self._choose_bottleneck(hp)
        width = choose_value(hp, "width", self.space.width)
        hidden_units = choose_value(hp, "hidden_units", self.space.hidden_units)
        model = PixelEmbedder(
            latent_dim,
            bottleneck=bottleneck,
            widths=(width, 2 * width, 4 * width),
            hidden_units=(hidden_units, hidden_units),
            seed=self.seed,
            **self.options,
        )
        return self._compile(hp, model)


class ImageAutoencoderHyperModel(BottleneckHyperModel):
    """Hypermodel of `ImageAutoencoder`.

    Each hyperparameter is one value, which is fixed, or a list or tuple of values to choose from.

    Args:
        bottleneck: as in `PixelEmbedderHyperModel`.
        latent_dim: int >= 1, channels of the latent map.
        num_entries: as in `PixelEmbedderHyperModel`.
        sparsity: as in `PixelEmbedderHyperModel`; at most the entries of a patch.
        levels: as in `PixelEmbedderHyperModel`.
        learning_rate: as in `PixelEmbedderHyperModel`.
        patch_size: int >= 1, side of the patches of the latent map that are coded as one vector.
            No hyperparameter.
        downsamplings: int >= 0, times that the resolution is halved. No hyperparameter.
        filters: int >= 1, channels inside encoder and decoder.
        rate_weight: as in `PixelEmbedderHyperModel`.
        coefficient_bits: as in `PixelEmbedderHyperModel`.
        seed: as in `PixelEmbedderHyperModel`.
        **options: other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: if a hyperparameter has no value, or a value out of its range.
        ValueError: if no sparsity is small enough for one of the latent dims.
        ValueError: if `rate_weight` is below 0, or 0 with the bottleneck `"density"`.

    Examples:
        >>> hypermodel = uk.tuning.ImageAutoencoderHyperModel(
        ...     bottleneck="scalar", latent_dim=4, levels=[4, 8], filters=32
        ... )
        >>> hypermodel.space.levels, hypermodel.downsamplings
        ([4, 8], 2)
    """

    space: ImageAutoencoderSpace

    def __init__(
        self,
        bottleneck: Names = DICTIONARY,
        latent_dim: Sizes = (16, 64),
        num_entries: Sizes = (128, 512),
        sparsity: Sizes = (1, 2, 3, 5),
        levels: Sizes = (4, 8, 16),
        learning_rate: Rates = 1e-3,
        patch_size: int = 1,
        downsamplings: int = 2,
        filters: Sizes = 128,
        rate_weight: float = 1e-4,
        coefficient_bits: int | None = 8,
        seed: int = 0,
        **options: Any,
    ) -> None:
        space = ImageAutoencoderSpace(
            bottleneck=bottleneck,
            latent_dim=latent_dim,
            num_entries=num_entries,
            sparsity=sparsity,
            levels=levels,
            learning_rate=learning_rate,
            filters=filters,
        )
        self.patch_size = patch_size
        self.downsamplings = downsamplings
        super().__init__(space, rate_weight, coefficient_bits, seed, options)

    @property
    def _vector_positions(self) -> int:
        return self.patch_size**2

    @property
    def _vector_pixels(self) -> int:
        return (self.patch_size * 2**self.downsamplings) ** 2

    def build(self, hp: keras_tuner.HyperParameters) -> ImageAutoencoder:
        """Builds and compiles a model.

        Args:
            hp: `keras_tuner.HyperParameters` of the trial.

        Returns:
            `ImageAutoencoder`.
        """
        bottleneck, _ = self._choose_bottleneck(hp)
        model = ImageAutoencoder(
            bottleneck,
            self.patch_size,
            downsamplings=self.downsamplings,
            filters=choose_value(hp, "filters", self.space.filters),
            seed=self.seed,
            **self.options,
        )
        return self._compile(hp, model)
