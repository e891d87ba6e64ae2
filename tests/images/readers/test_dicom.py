"""DICOM files and series, against pydicom."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

pydicom = pytest.importorskip("pydicom")


def dicom(path, pixels, position=None, **attributes):
    from pydicom.dataset import FileMetaDataset

    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.SeriesInstanceUID = "1.2.3"
    if position is not None:
        dataset.ImagePositionPatient = [0, 0, position]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)


def test_dicom_files_and_series(tmp_path):
    stack = numbers((3, 20, 30), "uint16") >> 4
    rescale = {"RescaleSlope": 2, "RescaleIntercept": -1024, "WindowCenter": 40, "WindowWidth": 400}
    dicom(tmp_path / "one.dcm", stack[0], **rescale)
    image = uk.read_image(tmp_path / "one.dcm")
    np.testing.assert_array_equal(np.asarray(image), 2.0 * stack[0] - 1024)
    assert image.pixel_size == {"y": 0.5, "x": 0.75}
    assert image.unit == "millimeter"
    assert image.details.display_range == (-160, 240)
    folder = tmp_path / "series"
    folder.mkdir()
    # Names in another order than positions.
    for name, index in (("a", 2), ("b", 0), ("c", 1)):
        dicom(folder / f"{name}.dcm", stack[index], position=5.0 * index)
    image = uk.read_image(folder)
    assert_reads(image, stack, "zyx")
    assert image.pixel_size["z"] == 5.0


def read(path):
    """The numbers as pydicom gives them, with the modality's rescaling."""
    dataset = pydicom.dcmread(path)
    return pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)


def test_signed_numbers_and_compression(tmp_path):
    data = numbers((20, 30), "int16") >> 4
    signed = {"PixelRepresentation": 1, "BitsStored": 12, "HighBit": 11}
    dicom(tmp_path / "a.dcm", data, **signed)
    assert_reads(uk.read_image(tmp_path / "a.dcm"), data, "yx")
    dataset = pydicom.dcmread(tmp_path / "a.dcm")
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(tmp_path / "b.dcm")
    assert_reads(uk.read_image(tmp_path / "b.dcm"), data, "yx")


@pytest.mark.parametrize("interpretation", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize("planar", [0, 1])
def test_colours(tmp_path, interpretation, planar):
    data = numbers((20, 30, 3), "uint8")
    color = {"SamplesPerPixel": 3, "PhotometricInterpretation": interpretation}
    color |= {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": planar}
    stored = np.moveaxis(data, -1, 0) if planar else data
    dicom(tmp_path / "a.dcm", data[..., 0], PixelData=stored.tobytes(), **color)
    expected = data
    if interpretation == "YBR_FULL":
        expected = pydicom.pixels.convert_color_space(data, "YBR_FULL", "RGB")
    image = uk.read_image(tmp_path / "a.dcm")
    assert_reads(image, expected, "yxc")
    assert image.is_rgb


def test_palettes_become_colours(tmp_path):
    indices = numbers((20, 30), "uint8")
    tables = [(np.arange(256) * step).astype("<u2") for step in (256, 250, 3)]
    palette = {"PhotometricInterpretation": "PALETTE COLOR", "PixelData": indices.tobytes()}
    palette |= {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    for name, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    dicom(tmp_path / "a.dcm", indices, **palette)
    image = uk.read_image(tmp_path / "a.dcm")
    assert_reads(image, np.stack([table[indices] for table in tables], axis=-1), "yxc")
    assert image.is_rgb


def test_frames_and_padding(tmp_path):
    data = numbers((3, 20, 30), "uint16")
    data[:, :4] = 7
    attributes = {"NumberOfFrames": 3, "PixelPaddingValue": 7}
    attributes |= {"RescaleSlope": 2, "RescaleIntercept": -5, "PixelData": data.tobytes()}
    dicom(tmp_path / "a.dcm", data[0], **attributes)
    image = uk.read_image(tmp_path / "a.dcm")
    assert_reads(image, read(tmp_path / "a.dcm"), "zyx")
    assert image.nodata == 9
    for plane in image.planes():
        np.testing.assert_array_equal(image.valid(plane=plane), data[plane] != 7)


def test_every_file_of_pydicom_is_as_pydicom_reads_it_or_refused():
    paths = sorted(Path(pydicom.data.__file__).parent.glob("test_files/*.dcm"))
    outcomes = []
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image = np.asarray(uk.read_image(path))
            except ValueError as error:
                assert path.name in str(error)  # noqa: PT017
                outcomes.append(False)
                continue
            dataset = pydicom.dcmread(path)
            expected = pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset)
            if dataset.PhotometricInterpretation == "PALETTE COLOR":
                expected = pydicom.pixels.apply_color_lut(expected, dataset)
        np.testing.assert_array_equal(image, expected, err_msg=path.name)
        outcomes.append(True)
    assert sum(outcomes) >= len(outcomes) // 2
