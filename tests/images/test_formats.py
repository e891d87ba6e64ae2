"""Each row and each suffix of the table of formats, by a file that is made here."""

import struct

import h5py
import numpy as np
import PIL.Image
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk
from umbed_keras.images.read_image import FORMATS

COLORS = numbers((24, 32, 3), "uint8")
# Modes of Pillow other than RGB, and sizes that some formats demand.
MODES = {".pbm": "1", ".xbm": "1", ".pgm": "L", ".dds": "RGBA"}
SIZES = {".icns": (128, 128), ".ico": (16, 16)}


def write_tifffile(path):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    data = numbers((40, 50), "uint16")
    tifffile.imwrite(path, data, compression="zlib", bigtiff=path.suffix in (".btf", ".tf8"))
    return data, "yx"


def write_numpy(path):
    data = numbers((40, 50), "int16")
    if path.suffix == ".npz":
        np.savez(path, data)
    else:
        np.save(path, data)
    return data, "yx"


def write_h5py(path):
    data = numbers((40, 50), "float32")
    with h5py.File(path, "w") as file:
        file["image"] = data
    return data, "yx"


def write_zarr(path):
    zarr = pytest.importorskip("zarr")
    data = numbers((40, 50), "uint16")
    zarr.create_array(path, shape=data.shape, dtype=data.dtype)[:] = data
    return data, "yx"


def write_pydicom(path):
    pydicom = pytest.importorskip("pydicom")
    data = numbers((40, 50), "uint16")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Rows, dataset.Columns = data.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = data.tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return data, "yx"


def write_pillow(path):
    """Writes a file and returns what Pillow reads of it."""
    suffix = path.suffix
    height, width = COLORS.shape[:2]
    if suffix in (".jp2", ".j2k", ".jpx", ".avif"):
        pytest.importorskip("imagecodecs", reason="needs the extra `images`")
    if suffix == ".psd":
        header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, height, width, 8, 3)
        path.write_bytes(header + bytes(14) + np.moveaxis(COLORS, -1, 0).tobytes())
    elif suffix == ".ras":
        header = struct.pack(">8I", 0x59A66A95, width, height, 24, COLORS.size, 1, 0, 0)
        path.write_bytes(header + COLORS[..., ::-1].tobytes())
    else:
        picture = PIL.Image.fromarray(COLORS).convert(MODES.get(suffix, "RGB"))
        picture = picture.resize(SIZES.get(suffix, picture.size))
        picture.save(path, **({"format": "PNG"} if suffix == ".apng" else {}))
    with PIL.Image.open(path) as picture:
        picture.load()
        picture = picture.convert("RGB") if picture.mode == "P" else picture
        data = np.asarray(picture)
    if suffix in (".psd", ".ras"):
        np.testing.assert_array_equal(data, COLORS)
    return data, "yx" if data.ndim == 2 else "yxc"


def write_bioio(path):
    pytest.importorskip("bioio_czi", reason="needs bioio-czi")
    czi = pytest.importorskip("pylibCZIrw.czi")
    data = numbers((2, 3, 40, 50), "uint16")
    with czi.create_czi(str(path)) as file:
        for channel, stack in enumerate(data):
            for depth, plane in enumerate(stack):
                file.write(data=plane[..., None], plane={"C": channel, "Z": depth})
    return data, "czyx"


WRITERS = {
    "tifffile": write_tifffile,
    "NumPy": write_numpy,
    "h5py": write_h5py,
    "zarr": write_zarr,
    "pydicom": write_pydicom,
    "Pillow": write_pillow,
    "BioIO": write_bioio,
}


@pytest.mark.parametrize(
    ("suffix", "library"),
    [
        (suffix, kind.library)
        for kind in FORMATS
        # What else BioIO reads, and NDPI, nothing here writes.
        for suffix in (kind.suffixes if kind.library != "BioIO" else (".czi",))
        if suffix != ".ndpi"
    ],
)
def test_every_suffix_is_read(tmp_path, suffix, library):
    data, axes = WRITERS[library](tmp_path / f"a{suffix}")
    assert_reads(uk.read_image(tmp_path / f"a{suffix}"), data, axes)
