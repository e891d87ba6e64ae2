"""DICOM files and series, against pydicom."""

import numpy as np
import pytest
from image_checks import assert_reads, numbers

import umbed_keras as uk

pydicom = pytest.importorskip("pydicom")
pytestmark = pytest.mark.torch_alone


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
