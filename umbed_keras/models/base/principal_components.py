"""Principal components of patch pyramids, on the host."""

import math

import numpy as np


def principal_components(samples, count):
    """The leading principal components of samples.

    Args:
        samples: `(n, dim)` floating.
        count: int; components beyond `dim` are zero.

    Returns:
        mean `(dim,)`, components `(dim, count)` with orthonormal columns, and the standard
        deviations `(count,)` of the samples along them, largest first, all float32.
    """
    samples = np.asarray(samples, "float32")
    mean = samples.mean(axis=0, dtype="float64")
    centred = samples - mean.astype("float32")
    covariance = (centred.T @ centred).astype("float64") / len(samples)
    variances, vectors = np.linalg.eigh(covariance)
    components = np.zeros((samples.shape[1], count))
    deviations = np.zeros(count)
    kept = min(count, samples.shape[1])
    components[:, :kept] = vectors[:, ::-1][:, :kept]
    deviations[:kept] = np.sqrt(np.maximum(variances[::-1][:kept], 0))
    return tuple(part.astype("float32") for part in (mean, components, deviations))


def latent_scale(deviations, values, latent_dim, unit_variance):
    """What coefficients of principal components are divided by to become latents, `(count,)`.

    Args:
        deviations: `(count,)` float, standard deviations of the coefficients.
        values: int, numbers in what was analysed.
        latent_dim: int.
        unit_variance: bool; True asks for latents of unit variance. Otherwise the mean squared
            error over the latent's entries equals that over the `values`.
    """
    if unit_variance:
        return np.maximum(deviations, 1e-3 * max(deviations[0], 1e-6))
    return np.full(len(deviations), math.sqrt(values / latent_dim), "float32")
