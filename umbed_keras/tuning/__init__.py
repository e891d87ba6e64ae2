"""Sweeps over latent dim, number of entries and sparsity with KerasTuner."""

from umbed_keras.extras import import_extra

import_extra("keras_tuner", "tuner")

from umbed_keras.tuning.hypermodels import (  # noqa: E402
    ImageAutoencoderHyperModel,
    PixelEmbedderHyperModel,
)
from umbed_keras.tuning.results import SweepResult  # noqa: E402
from umbed_keras.tuning.sweep import sweep  # noqa: E402

__all__ = ["ImageAutoencoderHyperModel", "PixelEmbedderHyperModel", "SweepResult", "sweep"]
