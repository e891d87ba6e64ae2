"""Sweeps over latent dim, number of entries and sparsity, by KerasTuner."""

try:
    import keras_tuner  # noqa: F401
except ImportError as error:
    raise ImportError(
        "umbed_keras.tuning needs KerasTuner: pip install 'umbed_keras[tuner]'"
    ) from error

from umbed_keras.tuning.hypermodels import ImageAutoencoderHyperModel, PixelEmbedderHyperModel
from umbed_keras.tuning.results import SweepResult
from umbed_keras.tuning.sweep import sweep

__all__ = ["ImageAutoencoderHyperModel", "PixelEmbedderHyperModel", "SweepResult", "sweep"]
