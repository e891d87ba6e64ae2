"""The interface between models and pretrained networks whose features they describe."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from umbed_keras.typing import ArrayLike, Shape, Tensor


class Backbone(keras.layers.Layer):
    """Base class of frozen layers that map images to feature maps.

    A subclass must declare

    - `strides`: tuple of ints, pixels from one position of each map to the next, finest first,
      each a multiple of the one before;
    - `channels`: tuple of ints, channels of each map;
    - `shares`: tuple of floats, weight of each map among the features that a model describes;
    - `reach`: int, largest distance in pixels between an image pixel that a position of a map
      depends on and the position's own `stride x stride` pixels; None if a position depends on
      the whole image. Tiles get a margin of this size;

    must implement `call`, and may declare

    - `image_channels`: int, channels of the images. Default: 3;
    - `alignment`: int, multiple of the coarsest stride. Features of tiles are those of the whole if
      tiles start at multiples of it. Default: the coarsest stride;
    - `floats_per_pixel`: int, numbers in memory at once for each pixel while features are
      computed. The size of tiles follows from it. Default: 128;
    - `traced_size`: two ints, height and width of the images with which graphs are traced for
      `export_onnx`, if they must be large. Default: None.

    Models pass images whose heights and widths are multiples of the coarsest stride. No weight of
    a backbone is ever trained, and everything inside runs in inference mode, on PyTorch modules of
    `torch.nn` too: batch normalization with its moving statistics, without dropout. Layers that
    are also used elsewhere stay trainable there.

    Args:
        **kwargs: arguments of `keras.layers.Layer`: `name`, `dtype`.

    Examples:
        >>> class Halves(Backbone):
        ...     strides, channels, shares, reach = (2,), (3,), (1.0,), 0
        ...
        ...     def call(self, images):
        ...         return [images[:, ::2, ::2]]
        >>> tuple(Halves()(np.ones((1, 4, 6, 3), "float32"))[0].shape)
        (1, 2, 3, 3)
    """

    # What presets may ask for: see `umbed_keras.zoo.preset_checks`.
    preset_role: ClassVar[str | None] = "backbone"
    preset_sizes: ClassVar[tuple[str, ...]] = ()
    preset_limits: ClassVar[dict[str, int]] = {}

    strides: tuple[int, ...]
    channels: tuple[int, ...]
    shares: tuple[float, ...]
    image_channels: int = 3
    alignment: int = 1
    floats_per_pixel: int = 128
    traced_size: tuple[int, int] | None = None

    def __init__(self, **kwargs: Any):
        # Images are scaled before they are rounded to the compute dtype.
        super().__init__(trainable=False, autocast=False, **kwargs)

    @property
    def trainable(self) -> bool:
        """False. Setting it has no effect, so that a model can be made trainable as a whole."""
        return False

    @trainable.setter
    def trainable(self, value: bool) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer in inference mode, whatever the mode of the layers around it."""
        context = self._get_call_context()
        training = context.get_value("training")
        try:
            return super().__call__(*args, **{**kwargs, "training": False})
        finally:
            # Layers that are called later read their mode from the same context.
            context.set_value("training", training)
            self._maybe_reset_call_context()

    def call(self, images: ArrayLike) -> list[Tensor]:
        """Maps images to feature maps.

        Args:
            images: floats in 0..1, `(batch, height, width, image_channels)`.

        Returns:
            List of tensors `(batch, ceil(height / stride), ceil(width / stride), channels)`, one
            for each of `strides`.

        Raises:
            NotImplementedError: in this base class.
        """
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> list[Shape]:
        """Returns the shape of each feature map of images of a shape."""
        batch, height, width, _ = input_shape
        return [
            (batch, *(side and -(-side // stride) for side in (height, width)), channels)
            for stride, channels in zip(self.strides, self.channels, strict=True)
        ]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        config = super().get_config()
        del config["trainable"]
        return config


def plain_numbers(values: Sequence[float] | np.ndarray | float) -> tuple[float, ...]:
    """Returns numbers as those of Python, which configurations hold.

    Args:
        values: a number, a sequence or a NumPy array of them.

    Examples:
        >>> plain_numbers(np.array([1, 0.5])), plain_numbers((1, np.float32(2))), plain_numbers(3)
        ((1.0, 0.5), (1, 2.0), (3,))
    """
    several: Any = values if isinstance(values, Sequence) or np.ndim(values) else [values]
    return tuple(value.item() if hasattr(value, "item") else value for value in several)
