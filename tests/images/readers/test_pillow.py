"""Files that Pillow reads, in the numbers that they hold."""

import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

pytestmark = pytest.mark.torch_alone


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tga", ".ppm"])
def test_files_that_pillow_reads(tmp_path, suffix):
    data = numbers((20, 30, 3), "uint8")
    options = {"lossless": True} if suffix == ".webp" else {}
    PIL.Image.fromarray(data).save(tmp_path / f"a{suffix}", **options)
    image = uk.read_image(tmp_path / f"a{suffix}")
    assert_reads(image, data, "yxc")
    assert image.is_rgb


def test_pngs_keep_sixteen_bits_and_opacity(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    for shape, axes in (((20, 30), "yx"), ((20, 30, 3), "yxc"), ((20, 30, 4), "yxc")):
        data = numbers(shape, "uint16")
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
        image = uk.read_image(tmp_path / "a.png")
        assert_reads(image, data, axes)
        assert image.details.alpha == (3 if shape[-1] == 4 else None)
    data = numbers((20, 30, 4), "uint8")
    data[:5, :, 3] = 0
    data[5:, :, 3] = np.maximum(data[5:, :, 3], 1)
    PIL.Image.fromarray(data).save(tmp_path / "b.png")
    image = uk.read_image(tmp_path / "b.png")
    assert_reads(image, data, "yxc")
    assert image.num_channels == 3
    np.testing.assert_array_equal(image.valid(), data[..., 3] > 0)


def test_palettes_and_frames(tmp_path):
    photo = PIL.Image.fromarray(numbers((20, 30, 3), "uint8")).convert("P")
    photo.save(tmp_path / "a.png")
    assert_reads(uk.read_image(tmp_path / "a.png"), np.asarray(photo.convert("RGB")), "yxc")
    frames = [PIL.Image.new("L", (30, 20), shade) for shade in (0, 100, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    image = uk.read_image(tmp_path / "a.gif")
    assert image.axes.startswith("tyx")
    assert image.plane_shape == (3,)
    assert [int(image.read(plane=plane).max()) for plane in image.planes()] == [0, 100, 200]
