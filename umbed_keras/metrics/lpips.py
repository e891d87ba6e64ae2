"""Learned perceptual image patch similarity."""

import keras
from keras import ops

from umbed_keras.metrics.lpips_network import LPIPSNetwork


@keras.saving.register_keras_serializable(package="umbed_keras")
class LPIPS(keras.metrics.Mean):
    """Learned perceptual distance (Zhang et al. 2018, version 0.1), the mean over images.

    At least 0, lower is better; 0 for equal images and before any image. `LPIPSNetwork` is the
    same as a loss.

    Args:
        net, weights, value_range: those of `LPIPSNetwork`.

    Raises:
        ValueError: an unknown `net`, or a `value_range` without low < high.
    """

    def __init__(self, net="alex", weights=None, value_range=(0.0, 1.0), name="lpips", **kwargs):
        super().__init__(name=name, **kwargs)
        self.network = LPIPSNetwork(net, weights, value_range)
        self._direction = "down"  # where Keras's callbacks look for what better means

    def update_state(self, references, images, sample_weight=None):
        """Adds images.

        Args:
            references, images: as `LPIPSNetwork` takes them.
            sample_weight: None, or one weight an image, `(batch,)`.

        Raises:
            What a call of `LPIPSNetwork` raises.
        """
        # Nothing differentiates a metric, but PyTorch would keep all layers for it.
        images = ops.stop_gradient(ops.convert_to_tensor(images))
        distances = self.network(references, images)
        super().update_state(distances, sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), **self.network.get_config()}
