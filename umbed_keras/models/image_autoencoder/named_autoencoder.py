"""What image autoencoders that make their own bottleneck have in common."""

from umbed_keras.models.image_autoencoder.image_autoencoder import ImageAutoencoder


class NamedAutoencoder(ImageAutoencoder):
    """An `ImageAutoencoder` with a bottleneck of its class, made from its own arguments.

    A subclass says which `bottleneck_class`, and hands on the arguments of it that it takes
    itself. These, and no bottleneck, are in its configuration.

    Args:
        settings: dictionary, arguments of the bottleneck that are the subclass's too.
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that are coded as one vector.
        seed: int, of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.
    """

    bottleneck_class = None

    def __init__(self, settings, latent_dim=64, patch_size=1, seed=0, **kwargs):
        bottleneck = self.bottleneck_class(
            latent_dim=latent_dim * patch_size**2,
            dtype="float32",
            name="bottleneck",
            **settings,
        )
        super().__init__(bottleneck, patch_size, seed=seed, **kwargs)
        self._settings = tuple(settings)

    def get_config(self):
        config = super().get_config()
        bottleneck = config.pop("bottleneck")["config"]
        settings = {name: bottleneck[name] for name in self._settings}
        return {**config, "latent_dim": self.latent_dim, **settings}
