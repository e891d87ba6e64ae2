"""What is altered or exchanged on disk or on a server is never taken for done."""

import functools
import http.server
import os

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from umbed_keras.stores import embed_store, fingerprint

OTHER = "something else was begun: `source` was"


def test_fingerprints_depend_on_content(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "PIECE", 100)
    monkeypatch.setattr(fingerprint, "PIECES", 4)
    content = bytearray(os.urandom(10_000))

    def write(name, content):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        return fingerprint.fingerprint(tmp_path / name)

    first = write("a", content)
    assert write("moved", content) == first
    assert write("longer", content + b"x") != first
    for position in (0, -1, 3333):  # within the pieces that are read
        changed = content.copy()
        changed[position] ^= 1
        assert write("a", changed) != first
    small = write("small", content[:400])
    for position in range(0, 400, 7):  # small files are read whole
        changed = content[:400]
        changed[position] ^= 1
        assert write("small", changed) != small
    write("folder/0", content[:150])
    write("folder/1", content[150:400])
    folder = fingerprint.fingerprint(tmp_path / "folder")
    write("folder/1", content[150:399] + bytes([content[399] ^ 1]))
    assert fingerprint.fingerprint(tmp_path / "folder") != folder
    write("folder/1", content[150:400])
    assert fingerprint.fingerprint(tmp_path / "folder") == folder
    (tmp_path / "folder" / "1").rename(tmp_path / "folder" / "2")
    assert fingerprint.fingerprint(tmp_path / "folder") != folder


@pytest.mark.parametrize("remote", [False, True], ids=["path", "address"])
def test_datasets_of_one_file_are_different_sources(remote, model, image, tmp_path):
    path = tmp_path / "images.h5"
    with h5py.File(path, "w") as file:
        for name in ("one", "group/one", "two"):
            file[name] = image[:20, :20]
    if remote:
        system = pytest.importorskip("fsspec").filesystem("memory")
        system.pipe_file("/bucket/images.h5", path.read_bytes())
        path = "memory://bucket/images.h5"
    target = tmp_path / "vectors.zarr"
    for _ in range(2):
        stored = embed_store(model, f"{path}/one", target, verbose=0)
    assert stored.attrs["umbed_keras"]["complete"]
    for other in ("two", "group/one"):
        with pytest.raises(ValueError, match=OTHER):
            embed_store(model, f"{path}/{other}", target, verbose=0)


@pytest.fixture
def server(serve, tmp_path):
    """`server(*names)` serves a folder and sends these headers of those that tell a version."""
    pytest.importorskip("aiohttp")
    (tmp_path / "served").mkdir()

    def start(*names):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def send_header(self, keyword, value):
                if keyword != "Last-Modified" or keyword in names:
                    super().send_header(keyword, value)

            def log_message(self, *args):
                pass

        return serve(functools.partial(Handler, directory=tmp_path / "served"))

    return start


def write_zarr(path, image):
    zarr.create_array(path, data=image, chunks=(20, 40, 3), compressors=None, overwrite=True)


WRITERS = {
    "image.npy": np.save,
    "image.tif": tifffile.imwrite,
    "image.zarr": write_zarr,
}


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("headers", [(), ("Last-Modified",)], ids=["no_headers", "time"])
def test_altered_images_on_a_server(
    server, model, image, tmp_path, monkeypatch, headers, name, large
):
    if large:
        monkeypatch.setattr(fingerprint, "PIECE", 1000)
        monkeypatch.setattr(fingerprint, "PIECES", 1)
    address, path = server(*headers), tmp_path / "served" / name
    arguments = model, f"{address}/{name}", tmp_path / "vectors.zarr"
    WRITERS[name](path, image[:40, :40])
    for _ in range(2):
        assert embed_store(*arguments, verbose=0).attrs["umbed_keras"]["complete"]
    altered = image[:40, :40].copy()
    altered[20, 20] ^= 1
    WRITERS[name](path, altered)  # of the same size, within the same second
    if large and headers:
        moment = os.stat(path).st_mtime + 2
        for file in (path, *path.rglob("*")):
            os.utime(file, (moment, moment))
    with pytest.raises(ValueError, match=OTHER):
        embed_store(*arguments, verbose=0)


def test_versions_of_large_files_are_taken_from_the_server(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "PIECES", 1)
    path = tmp_path / "served" / "image.npy"
    path.write_bytes(bytes(3 * fingerprint.PIECE))
    os.utime(path, (0, 0))
    address = f"{server('Last-Modified')}/image.npy"
    before = fingerprint.fingerprint(address)
    path.write_bytes(os.urandom(3 * fingerprint.PIECE))
    os.utime(path, (0, 0))
    assert fingerprint.fingerprint(address) == before  # the content is not read
    os.utime(path, (1, 1))
    assert fingerprint.fingerprint(address) != before
