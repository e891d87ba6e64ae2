"""Bottlenecks: layers that turn latent vectors into codes and back, one class a file."""
