"""The base class of autoencoders that make their own bottleneck."""

from collections.abc import Mapping
from typing import Any, ClassVar

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.models.image_autoencoder.image_autoencoder import ImageAutoencoder


class NamedAutoencoder(ImageAutoencoder):
    """`ImageAutoencoder` that makes its bottleneck from arguments of its own constructor.

    A subclass sets `bottleneck_class` and passes on the arguments of the bottleneck that it takes.
    Its configuration holds these arguments in place of the bottleneck.

    Args:
        bottleneck_arguments: dictionary, arguments of the bottleneck that the subclass takes under
            the same names.
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that are encoded as one vector.
        seed: int, seed of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.

    Examples:
        >>> issubclass(uk.VQVAE, NamedAutoencoder)
        True
        >>> uk.VQVAE.bottleneck_class.__name__
        'VectorQuantizer'
    """

    bottleneck_class: ClassVar[type[Bottleneck]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.preset_sizes = (*cls.bottleneck_class.preset_sizes, "patch_size", "patch_size")
        cls.preset_limits = {
            **ImageAutoencoder.preset_limits,
            **cls.bottleneck_class.preset_limits,
        }

    def __init__(
        self,
        bottleneck_arguments: Mapping[str, Any],
        latent_dim: int = 64,
        patch_size: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        bottleneck = self.bottleneck_class(
            latent_dim=latent_dim * patch_size**2,
            dtype="float32",
            name="bottleneck",
            **bottleneck_arguments,
        )
        super().__init__(bottleneck, patch_size, seed=seed, **kwargs)
        self._bottleneck_arguments = tuple(bottleneck_arguments)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        config = super().get_config()
        bottleneck = config.pop("bottleneck")["config"]
        arguments = {name: bottleneck[name] for name in self._bottleneck_arguments}
        return {**config, "latent_dim": self.latent_dim, **arguments}
