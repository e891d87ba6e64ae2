"""Image autoencoders and the layers that they alone use."""
