"""Metrics of images, features and codes."""

from umbed_keras.metrics.bits_per_pixel import BitsPerPixel
from umbed_keras.metrics.bjontegaard import bjontegaard_rate
from umbed_keras.metrics.code_purity import CodePurity, signed_atoms
from umbed_keras.metrics.code_usage import CodeUsage
from umbed_keras.metrics.fid import FID
from umbed_keras.metrics.frechet_distance import FrechetDistance, frechet_distance
from umbed_keras.metrics.lpips import LPIPS
from umbed_keras.metrics.lpips_network import LPIPSNetwork
from umbed_keras.metrics.psnr import PSNR
from umbed_keras.metrics.ssim import SSIM

__all__ = [
    "FID",
    "LPIPS",
    "PSNR",
    "SSIM",
    "BitsPerPixel",
    "CodePurity",
    "CodeUsage",
    "FrechetDistance",
    "LPIPSNetwork",
    "bjontegaard_rate",
    "frechet_distance",
    "signed_atoms",
]
