"""Learned perceptual image patch similarity."""

from typing import Any

import keras
from keras import ops

from umbed_keras.metrics._mean import Mean
from umbed_keras.metrics.lpips_network import LPIPSNetwork
from umbed_keras.typing import ArrayLike, PathLike


@keras.saving.register_keras_serializable(package="umbed_keras")
class LPIPS(Mean):
    """Mean learned perceptual image patch similarity, version 0.1; lower is better.

    The distance is 0 for equal images and never negative. Without any image, the result is NaN.
    `LPIPSNetwork` computes the same distance as a loss.

    Reference: Zhang, Isola, Efros, Shechtman & Wang, "The unreasonable effectiveness of deep
    features as a perceptual metric", 2018, arXiv:1801.03924.

    Args:
        net: as in `LPIPSNetwork`.
        weights: as in `LPIPSNetwork`.
        value_range: as in `LPIPSNetwork`.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if `net` is unknown.
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        The weights are downloaded at the first update, which is not run here:

        >>> images = np.random.default_rng(0).random((2, 32, 32, 3))
        >>> lpips = uk.metrics.LPIPS(net="squeeze")
        >>> lpips.update_state(images, 1 - images)  # doctest: +SKIP
        >>> round(float(lpips.result()), 3)  # doctest: +SKIP
    """

    def __init__(
        self,
        net: str = "alex",
        weights: PathLike | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        name: str = "lpips",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.network = LPIPSNetwork(net, weights, value_range)
        self._direction = "down"  # read by Keras's callbacks

    def update_state(
        self, references: ArrayLike, images: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Adds a batch of images.

        Args:
            references: `(batch, height, width, 3)`, uint8, or floats in `value_range`; at least 31
                pixels high and wide (17 for `"squeeze"`).
            images: like `references`, of the same shape.
            sample_weight: weights `(batch,)` of the images, or None.

        Raises:
            TypeError: if a dtype is neither uint8 nor floating-point.
            ValueError: if the shapes differ, or do not fit.
            FileNotFoundError: if `weights` or `UMBED_LPIPS` names no file.
            OSError: if the weights cannot be downloaded.
            ImportError: if the download needs PyTorch, which is not installed.
        """
        # Without a gradient, PyTorch does not keep the activations.
        images = ops.stop_gradient(ops.convert_to_tensor(images))
        distances = self.network(references, images)
        super().update_state(distances, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.network.get_config()}
