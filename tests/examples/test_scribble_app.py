"""Tests of the page in a real browser that draws, waits, clicks and downloads as a user does."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

if keras.backend.backend() != "torch":
    pytest.skip("does not depend on the backend: runs on PyTorch", allow_module_level=True)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
if BROWSER is None:
    pytest.skip("needs a browser: apt-get install chromium", allow_module_level=True)
pytest.importorskip("gradio", reason="needs the page: pip install 'umbed_keras[page]'")
playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

from umbed_keras.segmentation import PixelClassifier, similar_pixels  # noqa: E402

ROOT = Path(__file__).parents[2]
PORTRAIT = np.asarray(Image.open(ROOT / "examples" / "astronaut.jpg").convert("RGB"))
IMAGE = PORTRAIT[20:180, 140:300]
# Ends (column, row) of strokes on hair, wall and face.
HAIR, WALL, FACE = ((30, 40), (60, 18)), ((8, 100), (12, 140)), ((70, 80), (100, 90))
WIDTH = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def server(folder):
    """Starts the page; yields its process and its address."""
    folders = {name: folder / name.lower() for name in ("HOME", "TMPDIR", "CWD", "KERAS_HOME")}
    for path in folders.values():
        path.mkdir()
    environment = {
        **os.environ,
        **{name: str(path) for name, path in folders.items()},
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    process = subprocess.Popen(
        [sys.executable, ROOT / "examples" / "scribble_app.py"],
        env=environment,
        cwd=folders["CWD"],
        stdout=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().split()[0]
    yield process, address
    process.kill()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # The machine may be busy.
        playwright.expect.set_options(timeout=60_000)
        # The sandbox is not available to root, as in containers.
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(server, browser):
    """`visit()` returns a new user with a session of their own."""
    _, address = server
    contexts = []

    def visit():
        contexts.append(browser.new_context(viewport={"width": 1200, "height": 1200}))
        return User(contexts[-1].new_page(), address, IMAGE)

    yield visit
    for context in contexts:
        context.close()


class User:
    """A user of the page with an open image."""

    def __init__(self, page, address, image):
        self.page = page
        self.page.set_default_timeout(60_000)
        self.requests = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.locator("#strokes canvas").wait_for()
        self.open(image)
        self.page.wait_for_function(
            f"document.querySelector('#strokes canvas').width == {image.shape[1]}"
        )

    def open(self, image, name="given.png"):
        content = image
        if isinstance(image, np.ndarray):
            content = png(image)
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.locator("input[type=file]").first.set_input_files(file)

    def draw(self, number, ends):
        self.page.locator(f"#strokes [data-key='{number}']").click()
        box = self.page.locator("#strokes canvas").bounding_box()
        scale = box["width"] / IMAGE.shape[1]
        (x, y), *others = [(box["x"] + x * scale, box["y"] + y * scale) for x, y in ends]
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for x, y in others:
            self.page.mouse.move(x, y, steps=5)
        self.page.mouse.up()

    def answer(self, function):
        """Calls a function and waits for the new segmentation that it causes."""
        segmentation = self.page.locator("#segmentation img")
        before = segmentation.get_attribute("src")
        function()
        playwright.expect(segmentation).not_to_have_attribute("src", before)

    def download(self, name):
        with self.page.expect_download() as download:
            self.page.locator(f"#{name}").click()
        return Path(download.value.path())

    def strokes(self):
        """Downloads the strokes as labels."""
        with Image.open(self.download("stroked")) as strokes:
            drawn = np.asarray(strokes)
        labels = np.zeros(drawn.shape[:2], int)
        for number, colour in enumerate([(213, 94, 0), (0, 114, 178), (240, 228, 66)], start=1):
            labels[(drawn == (*colour, 255)).all(axis=-1)] = number
        assert (labels == 0).sum() == (drawn[..., 3] == 0).sum()
        return labels


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def distance(ends):
    """Computes the distance of the centre of each pixel from a straight stroke."""
    (x0, y0), (x1, y1) = ends
    y, x = np.mgrid[: IMAGE.shape[0], : IMAGE.shape[1]] + 0.5
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    along = np.clip(along, 0, 1)
    return np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))


def assert_drawn(labels, strokes):
    """Asserts where strokes are drawn, up to one pixel at their soft edges."""
    for number, ends in strokes.items():
        assert (labels[distance(ends) < WIDTH / 2 - 1] == number).all()
    far = np.min([distance(ends) for ends in strokes.values()], axis=0) > WIDTH / 2 + 1
    assert (labels[far] == 0).all()


def test_a_few_strokes_become_a_mask(visit, server):
    _, address = server
    user = visit()
    user.draw(1, HAIR)
    user.answer(lambda: user.draw(2, WALL))
    user.answer(lambda: user.draw(3, FACE))

    labels = user.strokes()
    assert_drawn(labels, {1: HAIR, 2: WALL, 3: FACE})
    classifier = PixelClassifier().fit(IMAGE, labels)
    expected = classifier.predict(IMAGE)
    mask = np.asarray(Image.open(user.download("mask")))
    np.testing.assert_array_equal(mask, expected)
    assert set(np.unique(mask)) == {1, 2, 3}
    loaded = PixelClassifier.load(user.download("classifier"))
    np.testing.assert_array_equal(loaded.predict(IMAGE), expected)

    # The similarity map belongs to the clicked pixel and not to others near it.
    row, col = 85, 90
    user.page.locator("#segmentation img").click(position={"x": col + 0.5, "y": row + 0.5})
    source = user.page.locator("#similar img").get_attribute("src")
    drawn = Image.open(io.BytesIO(user.page.request.get(source).body())).convert("RGB")
    near = [(row + down, col + right) for down in (-12, 0, 12) for right in (-12, 0, 12)]
    errors = [
        np.abs(magma_values(drawn) - similar_pixels(IMAGE, *pixel).clip(0, 1)).mean()
        for pixel in near
    ]
    assert near[np.argmin(errors)] == (row, col)

    # Images of other sizes.
    more = [IMAGE[:, ::-1], IMAGE[:100]]
    user.page.locator("#more input").set_input_files(
        [{"name": "same.png", "mimeType": "image/png", "buffer": png(image)} for image in more]
    )
    playwright.expect(user.page.locator("#gallery button img")).to_have_count(2)
    with zipfile.ZipFile(user.download("masks")) as masks:
        assert masks.namelist() == ["001_same.png", "002_same.png"]
        for name, image in zip(masks.namelist(), more, strict=True):
            mask = np.asarray(Image.open(io.BytesIO(masks.read(name))))
            np.testing.assert_array_equal(mask, classifier.predict(image))

    # A stroke that is undone no longer counts.
    user.answer(user.page.locator("#strokes .undo").click)
    assert_drawn(user.strokes(), {1: HAIR, 2: WALL})
    assert zipfile.is_zipfile(user.download("masks"))
    assert {request.split("/")[2] for request in user.requests if request.startswith("http")} == {
        address.split("/")[2]
    }


def magma_values(image):
    """Computes the values in 0..1 of an image in the colours of the map magma."""
    from matplotlib import colormaps

    colours = colormaps["magma"](np.arange(256), bytes=True)[:, :3].astype("float32")
    pixels = np.asarray(image, "float32")[:, :, None]
    return np.square(pixels - colours).sum(axis=-1).argmin(axis=-1) / 255


def test_it_serves_this_machine_only(server):
    _, address = server
    host, port = address.strip("/").split("/")[-1].split(":")
    assert host == "127.0.0.1"
    socket.create_connection((host, port), timeout=60).close()
    # Another address of this machine, which a server on all addresses would serve.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=60)


def test_users_do_not_share_strokes(visit):
    first, second = visit(), visit()
    first.draw(1, HAIR)
    first.answer(lambda: first.draw(2, WALL))
    second.draw(1, FACE)
    second.answer(lambda: second.draw(3, WALL))
    first.answer(lambda: first.draw(3, FACE))
    assert_drawn(second.strokes(), {1: FACE, 3: WALL})
    assert_drawn(first.strokes(), {1: HAIR, 2: WALL, 3: FACE})


def test_bad_files_are_refused(visit):
    user = visit()
    toast = user.page.get_by_test_id("toast-body")
    user.open(b"no image")
    playwright.expect(toast).to_contain_text("given.png is no image that can be read.")
    user.open(np.zeros((1501, 2000, 3), "uint8"))
    playwright.expect(toast).to_contain_text("2000 x 1501 pixels, and 3 million are allowed")
    huge = bytearray(png(np.zeros((1, 1), "uint8")))
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    user.open(bytes(huge))
    playwright.expect(toast).to_contain_text("given.png has far too many pixels.")
    # The previous image is still open.
    user.draw(1, HAIR)
    user.answer(lambda: user.draw(2, WALL))


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_images_of_other_kinds(visit):
    user = visit()
    toast = user.page.get_by_test_id("toast-body")
    user.open(npy(np.zeros((5, 40, 50), "uint16")), "given.npy")
    playwright.expect(toast).to_contain_text("given.npy has the shape (5, 40, 50)")
    # Floats beyond 0..1, of other channels than colours, with pixels without data.
    image = np.float32(40) * IMAGE[..., :2] - 1000
    image[:20, :20] = np.nan
    before = user.page.locator("#segmentation img").get_attribute("src")
    user.open(npy(image), "given.npy")
    segmentation = user.page.locator("#segmentation img")
    playwright.expect(segmentation).not_to_have_attribute("src", before)
    user.draw(1, HAIR)
    user.answer(lambda: user.draw(2, WALL))
    expected = PixelClassifier().fit(image, user.strokes()).predict(image)
    mask = np.asarray(Image.open(user.download("mask")))
    np.testing.assert_array_equal(mask, expected)
    assert (mask[:20, :20] == 0).all()


def test_nothing_is_left_behind(server, folder):
    process, _ = server
    assert any((folder / "tmpdir").iterdir())
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    # Keras writes its settings when it is imported, if there are none.
    written = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert written <= {Path("keras_home/keras.json")}
    assert list((folder / "tmpdir").iterdir()) == []
