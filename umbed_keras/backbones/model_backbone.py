"""Any Keras model as a backbone."""

import math

import keras

from umbed_keras.backbones.backbone import Backbone

# The image on which a model is tried: no common network has a stride larger than its height.
HEIGHT, WIDTH = 256, 512
PREPROCESSINGS = ("unit", "byte", "tf", "torch", "caffe")


@keras.saving.register_keras_serializable(package="umbed_keras")
class ModelBackbone(Backbone):
    """A backbone made of a `keras.Model`, which is run as in inference and never trained.

    A model with one is saved by `model.save` as a `.keras` file. It can't become a preset: these
    hold no classes but this package's.

    Args:
        model: `keras.Model` that maps images `(batch, height, width, 3)` of any size to a feature
            map `(batch, height / stride, width / stride, channels)`, or to a list of them, finest
            first. Of a network that does more, take the layers that matter (see the example).
        preprocessing: what the model takes: `"unit"`, images in 0..1; `"byte"`, in 0..255; or
            `"tf"`, `"torch"` or `"caffe"`, the modes that the `preprocess_input` of each of
            `keras.applications` has.
        shares: floats, how much each map counts among the features that a model describes; None
            counts all alike.
        reach: int, how many pixels beyond its own a place of a map looks at most; None where it
            looks at the whole image (attention, squeeze-and-excite) or this isn't known. Then
            images are still embedded tile by tile, but tiles are not what the whole would give.
        floats_per_pixel: int, numbers that live at once while a pixel's features are computed.

    Raises:
        ValueError: a model that takes images of one size alone, or whose maps don't divide images
            by whole strides, finest first.

    Example:

    ```python
    network = keras.applications.MobileNetV2(input_shape=(None, None, 3), include_top=False)
    layers = ("block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu")
    backbone = umbed_keras.layers.ModelBackbone(
        keras.Model(network.input, [network.get_layer(name).output for name in layers]),
        preprocessing="tf",
    )
    ```
    """

    preset_role = None

    def __init__(
        self,
        model,
        preprocessing="unit",
        shares=None,
        reach=None,
        floats_per_pixel=128,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if preprocessing not in PREPROCESSINGS:
            raise ValueError(
                f"`preprocessing` must be one of {PREPROCESSINGS}. Received: {preprocessing!r}"
            )
        self.model = model
        self.preprocessing = preprocessing
        self.reach = reach
        self.floats_per_pixel = floats_per_pixel
        model.trainable = False
        maps = model.compute_output_spec(keras.KerasTensor((1, HEIGHT, WIDTH, 3)))
        shapes = [tuple(part.shape) for part in keras.tree.flatten(maps)]
        self.strides = tuple(HEIGHT // shape[1] if shape[1] else 0 for shape in shapes)
        self.channels = tuple(shape[-1] for shape in shapes)
        ordered = list(self.strides) == sorted(self.strides)
        whole = all(
            stride and shape[1:-1] == (HEIGHT / stride, WIDTH / stride)
            for stride, shape in zip(self.strides, shapes, strict=True)
        )
        if not (ordered and whole):
            raise ValueError(
                "`model` must give maps of whole strides, finest first. Received: an image of "
                f"{HEIGHT}x{WIDTH} pixels gives {shapes}"
            )
        self.shares = tuple(shares or [1 / len(shapes)] * len(shapes))
        known = all(0 <= share < math.inf for share in self.shares) and sum(self.shares)
        if len(self.shares) != len(shapes) or not known:
            raise ValueError(
                f"`shares` must be floats at least 0, one for each of {len(shapes)} maps. "
                f"Received: {shares}"
            )

    def build(self, input_shape=None):
        """The model is built already."""

    def call(self, images):
        if self.preprocessing != "unit":
            images = 255.0 * images
        if self.preprocessing not in ("unit", "byte"):
            images = keras.applications.imagenet_utils.preprocess_input(
                images, data_format="channels_last", mode=self.preprocessing
            )
        return keras.tree.flatten(self.model(images, training=False))

    def get_config(self):
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "preprocessing": self.preprocessing,
            "shares": self.shares,
            "reach": self.reach,
            "floats_per_pixel": self.floats_per_pixel,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})
