import pytest

from umbed_keras.images.image_files import image_files

pytestmark = pytest.mark.torch_alone


def test_files_in_depth_and_in_order_without_hidden_ones(tmp_path):
    names = ["a-b/3.JPG", "a/1.png", "b.tiff"]
    for name in [*names, "a/._1.png", ".trash/0.png", "notes.txt", "c.png/4.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert image_files(tmp_path) == [tmp_path / name for name in names]
    assert image_files(tmp_path, (".txt",)) == [tmp_path / "c.png/4.txt", tmp_path / "notes.txt"]
    for empty in (tmp_path / ".trash" / "0.png", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"`folder`.*holds no images"):
            image_files(empty)
