"""Makes the picture of `umbed-keras page` that README shows, by a browser that draws strokes.

    python examples/tools/page_picture.py examples/page.jpg

Needs the extra `page`, `pip install playwright`, and Chromium. Beside the portrait it shows images
that come with scikit-image.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import PIL.Image
from playwright.sync_api import expect, sync_playwright
from skimage import data

import umbed_keras as uk

ROOT = Path(__file__).parents[2]
CLASSES = {1: "backdrop", 2: "skin", 3: "hair", 4: "suit", 5: "flag", 6: "helmet"}
COLORS = (
    (0, 114, 178),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
    (126, 87, 194),
    (0, 158, 115),
)
# Ends (column, row) of strokes on the portrait.
STROKES = {
    1: [((118, 20), (150, 120)), ((330, 30), (350, 250)), ((490, 40), (500, 210))],
    2: [((205, 95), (222, 140)), ((228, 165), (215, 175))],
    3: [((185, 60), (235, 30)), ((272, 60), (280, 105))],
    4: [
        ((105, 330), (150, 300)),
        ((60, 470), (110, 480)),
        ((300, 300), (320, 330)),
        ((215, 380), (235, 440)),
    ],
    5: [((10, 40), (40, 120)), ((10, 150), (60, 300)), ((5, 380), (20, 480))],
    6: [
        ((310, 470), (420, 400)),
        ((420, 60), (450, 200)),
        ((480, 290), (500, 330)),
        ((200, 190), (250, 215)),
    ],
}
VIEWPORT = "() => import('/static/stage.js').then(({stage}) => stage.viewport)"


def make_project(folder):
    """Copies images to a folder, and begins a project there."""
    shutil.copy(ROOT / "examples" / "astronaut.jpg", folder)
    for name in ("coffee", "chelsea", "coins", "camera", "brick"):
        PIL.Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    classes = {
        number: uk.segmentation.LabelClass(name, color)
        for (number, name), color in zip(CLASSES.items(), COLORS, strict=True)
    }
    uk.segmentation.Project(classes).save(folder / "portrait.umbed")


def draw(page, number, start, end):
    """Draws a stroke of a class."""
    viewport, box = page.evaluate(VIEWPORT), page.locator("#canvas").bounding_box()
    ends = [
        (
            box["x"] + (col - viewport["centerX"]) * viewport["scale"] + viewport["width"] / 2,
            box["y"] + (row - viewport["centerY"]) * viewport["scale"] + viewport["height"] / 2,
        )
        for col, row in (start, end)
    ]
    page.keyboard.press(str(number))
    page.mouse.move(*ends[0])
    page.mouse.down()
    page.mouse.move(*ends[1], steps=8)
    page.mouse.up()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path, help=".jpg or .png file to write")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="path of Chromium")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true", help="in dark colours")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder))
        command = [
            sys.executable,
            "-m",
            "umbed_keras",
            "page",
            "--no-browser",
            f"{folder}/portrait.umbed",
        ]
        images = sorted(Path(folder).glob("*.[jp][pn]g"))
        environment = {**os.environ, "XDG_DATA_HOME": folder}
        server = subprocess.Popen(
            [*command, *images], stdout=subprocess.PIPE, text=True, env=environment
        )
        address = server.stdout.readline().split()[0]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=args.browser, args=["--no-sandbox"])
            page = browser.new_page(
                viewport={"width": args.width, "height": args.height},
                color_scheme="dark" if args.dark else "light",
            )
            page.goto(address)
            expect(page.locator(".thumbnail.chosen")).to_contain_text("astronaut", timeout=60_000)
            for number, strokes in STROKES.items():
                for start, end in strokes:
                    draw(page, number, start, end)
            page.mouse.move(5, 700)
            expect(page.locator("#status-text")).to_have_text("Saved", timeout=60_000)
            page.wait_for_timeout(1000)
            content = page.screenshot()
            browser.close()
        server.terminate()
        server.wait()
    picture = PIL.Image.open(io.BytesIO(content)).convert("RGB")
    picture.save(args.picture, quality=88, optimize=True)
    print(f"{args.picture}: {args.picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
