"""A day with the page in a real browser: nothing is lost, whatever ends in between."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk

if keras.backend.backend() != "torch":
    pytest.skip("does not depend on the backend: runs on PyTorch", allow_module_level=True)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
if BROWSER is None:
    pytest.skip("needs a browser: apt-get install chromium", allow_module_level=True)
for package in ("sklearn", "starlette", "uvicorn"):
    pytest.importorskip(package, reason="needs the page: pip install 'umbed_keras[page]'")
playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 80, 96
READY = "() => import('/static/stage.js').then(({stage}) => stage.isReady)"
VIEWPORT = "() => import('/static/stage.js').then(({stage}) => stage.viewport)"


def picture(seed):
    values = np.random.default_rng(seed).integers(0, 40, (HEIGHT, WIDTH, 3))
    values[:, WIDTH // 2 :] += 180
    return values.astype("uint8")


@pytest.fixture
def folder(tmp_path):
    """Two images, and a project with a small preset."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, seed in (("one.png", 0), ("two.png", 1)):
        Image.fromarray(picture(seed)).save(folder / name)
    uk.segmentation.Project({1: "dark", 2: "bright"}, "celeba_vq_k16").save(
        folder / "project.umbed"
    )
    return folder


@pytest.fixture
def serve(folder, tmp_path):
    """`serve()` starts the command on one port; returns the process and the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "umbed_keras", "page", folder, "--no-browser"]
    processes = []

    def start():
        process = subprocess.Popen(
            [*command, "--port", str(port)], env=environment, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process, process.stdout.readline().split()[0]

    yield start
    for process in processes:
        process.kill()


@pytest.fixture
def page():
    with playwright.sync_playwright() as driver:
        # The machine may be busy.
        playwright.expect.set_options(timeout=25_000)
        # The sandbox is not available to root, as in containers.
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        yield page
        browser.close()


def drag(page, start, end):
    """Draws from one position (column, row) of the image to another."""
    viewport, box = page.evaluate(VIEWPORT), page.locator("#canvas").bounding_box()
    ends = [
        (
            box["x"] + (col - viewport["centerX"]) * viewport["scale"] + viewport["width"] / 2,
            box["y"] + (row - viewport["centerY"]) * viewport["scale"] + viewport["height"] / 2,
        )
        for col, row in (start, end)
    ]
    page.mouse.move(*ends[0])
    page.mouse.down()
    page.mouse.move(*ends[1], steps=5)
    page.mouse.up()


def strokes(folder, number=0):
    project = uk.segmentation.Project.load(folder / "project.umbed")
    return project.strokes(list(project.images)[number])


def test_nothing_is_lost(serve, page, folder, tmp_path):
    expect = playwright.expect
    process, address = serve()
    page.goto(address)
    counts, shares = page.locator("#classes .count"), page.locator("#classes .share")
    chosen = page.locator(".thumbnail.chosen")
    expect(chosen).to_contain_text("one.png")
    expect(page.locator("#contrast input[type=range]")).to_have_count(2)
    # Two strokes are answered.
    drag(page, (20, 10), (20, 70))
    expect(page.locator("#status")).to_contain_text("another class")
    page.keyboard.press("2")
    drag(page, (80, 10), (80, 70))
    expect(shares.nth(1)).to_contain_text("%")
    expect(page.locator("#status-text")).to_have_text("Saved")
    assert 45 < float(shares.nth(0).text_content().split()[0]) < 55
    drawn = strokes(folder)
    assert set(np.unique(drawn)) == {0, 1, 2}
    assert drawn[40, 20] == 1
    assert drawn[40, 80] == 2
    # The eraser leaves nothing behind; undo brings all back.
    page.keyboard.press("e")
    page.evaluate("() => import('/static/store.js').then(({store}) => store.set({size: 40}))")
    drag(page, (80, 5), (80, 75))
    expect(counts.nth(1)).to_have_text("no strokes yet")
    assert not (strokes(folder) == 2).any()
    page.keyboard.press("Control+z")
    expect(counts.nth(1)).to_contain_text("labelled")
    np.testing.assert_array_equal(strokes(folder), drawn)
    page.keyboard.press("Delete")
    expect(counts.nth(0)).to_have_text("no strokes yet")
    page.keyboard.press("Control+z")
    expect(counts.nth(0)).to_contain_text("labelled")
    # Another image keeps strokes of its own.
    page.keyboard.press(".")
    expect(chosen).to_contain_text("two.png")
    expect(shares.nth(1)).to_contain_text("%")
    page.keyboard.press("1")
    page.evaluate("() => import('/static/store.js').then(({store}) => store.set({size: 6}))")
    drag(page, (10, 20), (30, 20))
    expect(page.locator(".thumbnail.labelled")).to_have_count(2)
    expect(page.locator("#status-text")).to_have_text("Saved")
    second = strokes(folder, 1)
    assert second.any()
    # A new class is named at the keyboard.
    page.keyboard.press("a")
    expect(page.locator("#classes li")).to_have_count(3)
    expect(page.locator("#classes li").nth(2).locator(".name")).to_be_focused()
    page.keyboard.type("edge")
    page.keyboard.press("Enter")
    # F5, and a process that is killed.
    page.reload()
    expect(page.locator("#classes li").nth(2).locator(".name")).to_have_value("edge")
    expect(chosen).to_contain_text("two.png")
    page.wait_for_function(READY)  # nothing is drawn on an image that is still on its way
    process.kill()
    process.wait()
    expect(page.locator("#status")).to_contain_text("server is away")
    page.keyboard.press("2")
    drag(page, (70, 60), (90, 60))  # waits until the server is back
    process, _ = serve()
    expect(page.locator("#status-text")).to_have_text("Saved")
    expect(shares.nth(1)).to_contain_text("%")
    assert (strokes(folder, 1) == 2).any()
    np.testing.assert_array_equal(strokes(folder), drawn)
    # Strokes that wait, and a plane that comes back into view, leave each other alone.
    page.route("**/strokes?plane=", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.keyboard.press("1")
    drag(page, (5, 75), (25, 75))
    page.keyboard.press(".")
    page.keyboard.press(",")
    expect(page.locator("#status-text")).to_have_text("Saved")
    expect(chosen).to_contain_text("two.png")
    page.wait_for_function(
        "() => import('/static/stage.js').then(({stage}) => stage.isReady && "
        "stage.strokes.at(10, 75) === 1 && stage.strokes.at(80, 60) === 2)"
    )
    page.unroute_all()
    assert strokes(folder, 1)[75, 10] == 1
    # An image is uploaded; a broken one is named.
    Image.fromarray(picture(2)[:30, :40]).save(tmp_path / "three.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    page.set_input_files("#files", [tmp_path / "broken.png", tmp_path / "three.png"])
    expect(page.locator(".toast.error")).to_contain_text("broken.png")
    expect(chosen).to_contain_text("three.png")
    # All images become masks and a table; downloads are named after what they hold.
    page.locator("[data-apply=all]").click()
    expect(page.locator("#outcome")).to_contain_text("3 of 3 images, ")
    for text, name in (("Table (CSV)", "objects.csv"), ("All as ZIP", "project results.zip")):
        with page.expect_download() as download:
            page.get_by_text(text).click()
        assert download.value.suggested_filename == name
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"one.labels.png", "two.overlay.png", "three.probability.png"} <= set(
            archive.namelist()
        )
    # Similar pixels, a place to label, the sheet of keys.
    page.keyboard.press("p")
    drag(page, (30, 15), (30, 15))
    expect(page.locator("[data-view=similar]")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("n")
    expect(page.locator("#place")).to_contain_text("Which class is this?")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("label here next")
    page.keyboard.press("Escape")
    # Nothing spills, and nothing is distorted, at any size.
    for width, height in ((390, 844), (1024, 400), (1024, 768), (1100, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            "() => { const c = document.querySelector('#canvas'); "
            "return Math.abs(c.width / c.height - c.clientWidth / c.clientHeight) < 0.02 }"
        )
        inner = page.evaluate("document.documentElement.scrollWidth")
        assert inner <= width, f"{inner} pixels of content in {width}"
        spilled = page.evaluate(
            "() => [...document.querySelectorAll('.topbar *')].filter(e => e.offsetParent && "
            "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.id || e.className)"
        )
        assert not spilled
    assert not page.errors
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) is not None
