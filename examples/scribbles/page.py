"""The page of `scribble_app.py`: its functions and its layout."""

import copy
import shutil
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
import numpy as np
from scipy.stats import entropy
from scribbles.canvas import canvas, drawn_labels, opened
from scribbles.colours import strokes_of
from scribbles.files import read_plane
from scribbles.samples import samples

from umbed_keras.images.image import Image, as_image
from umbed_keras.images.labels import write_labels
from umbed_keras.images.read_image import suffixes
from umbed_keras.ops.similarity import cosines_to
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.files.overlay import overlay
from umbed_keras.segmentation.files.picture import picture

# Vectors and probabilities then take less than 1 GB, and a classifier keeps the vectors.
MOST_PIXELS = 3_000_000
# Suffixes of the files that can be opened; a Zarr image is a folder.
KINDS = [suffix for suffix in suffixes() if suffix != ".zarr"]
# How often files are deleted, and from which age on, in seconds.
DELETED = (600, 3600)
TITLE = "Label a few pixels, get the rest"
WELCOME = "Choose a colour, stroke some pixels of a class, then some of another in its colour."


@dataclass
class Session:
    """The state of one user: an image and its picture, a classifier, and files to download."""

    source: Image
    image: np.ndarray
    number: str = field(default_factory=lambda: str(time.time_ns()))
    classifier: PixelClassifier | None = None
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp()))

    def close(self):
        """Deletes the files of the session."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_folder(self, name):
        """Makes an empty folder and deletes the previous one of this name."""
        for old in self.folder.glob(f"{name}_*"):
            shutil.rmtree(old)
        return Path(tempfile.mkdtemp(prefix=f"{name}_", dir=self.folder))


class Page:
    """The functions of the page, without its layout.

    Args:
        classifier: `PixelClassifier`, not fitted. All sessions share its embedder and its cache of
            vectors.
    """

    def __init__(self, classifier):
        self.blank = classifier
        # Loads the preset, so that an unknown name ends the program before the page opens.
        origin = classifier.features.embedder.origin
        self.credits = f"Vectors: `{origin.get('preset', 'own embedder')}`"
        if origin.get("license"):
            self.credits += f" (licence of the weights: {origin['license']})"

    def open(self, path, session):
        """Starts a new session with the image of a file."""
        return self.show(_read(path), session)

    def show(self, source, session):
        """Starts a new session with an `umbed_keras.Image`, or an array."""
        source = as_image(source)
        if session is not None:
            session.close()
        # Embedded now, so that the first stroke does not wait for it.
        self.blank.features(source)
        image = picture(self.blank, source)
        session = Session(source, image)
        strokes = opened(image, session.number)
        return session, strokes, image, None, None, WELCOME, *[None] * 3

    def segment(self, session, strokes):
        """Trains on the strokes; returns overlay, uncertainty, a message and files to download."""
        if session is None:
            raise _error("Choose an image first.")
        labels = drawn_labels(strokes, session.image.shape[:2], session.number)
        classes = np.setdiff1d(labels, 0)
        if len(classes) < 2:
            session.classifier = None
            return session.image, None, WELCOME, *[None] * 3
        session.classifier = copy.copy(self.blank).fit(session.source, labels)
        probabilities = session.classifier.predict_proba(session.source)
        known = ~np.isnan(probabilities[..., 0])
        probabilities = np.nan_to_num(probabilities, nan=1 / len(classes))
        predicted = np.where(known, classes[probabilities.argmax(axis=-1)], 0)
        uncertainty = entropy(probabilities, axis=-1) / np.log(len(classes))
        folder = session.new_folder("answer")
        files = [folder / name for name in ("mask.png", "strokes.png", "classifier.npz")]
        files[0] = write_labels(files[0], predicted, session.source)
        strokes_of(labels).save(files[1])
        session.classifier.save(files[2])
        shares = ", ".join(f"{number}: {np.mean(predicted == number):.1%}" for number in classes)
        message = f"Classes {shares} of all pixels."
        return overlay(session.image, predicted), _heat(uncertainty), message, *map(str, files)

    def similar(self, session, pixel):
        """Draws the similarity of pixels to the one at `(column, row)`, with a ring around it."""
        col, row = pixel
        vectors = self.blank.features.vectors(session.source)
        drawn = _heat(cosines_to(vectors, vectors[row, col]))
        y, x = np.ogrid[: drawn.shape[0], : drawn.shape[1]]
        distance = np.hypot(y - row, x - col)
        radius = max(drawn.shape) / 64
        drawn[np.abs(distance - radius) < 2.5] = 0
        drawn[np.abs(distance - radius) < 1.2] = 255
        return drawn

    def apply(self, session, paths, progress):
        """Segments more images; returns overlays and the path of a zip of masks."""
        if session is None or session.classifier is None:
            raise _error("Stroke pixels of two classes or more first.")
        images = [_read(path) for path in paths]
        overlays = []
        archive = session.new_folder("more") / "masks.zip"
        with zipfile.ZipFile(archive, "w") as masks:
            for number, (path, image) in enumerate(zip(paths, images, strict=True)):
                progress((number, len(paths)), unit="images")
                predicted = session.classifier.predict(image)
                # Files of different folders may have the same name.
                name = f"{number + 1:03d}_{Path(path).stem}.png"
                written = write_labels(archive.parent / name, predicted, image)
                masks.write(written, written.name)
                shown = picture(session.classifier, image)
                overlays.append((overlay(shown, predicted), written.name))
        return overlays, str(archive)


def build(page):
    """Builds the page as `gradio.Blocks`."""
    pictures = samples()
    with gr.Blocks(
        title=TITLE,
        analytics_enabled=False,
        delete_cache=DELETED,
        fill_width=True,
    ) as blocks:
        session = gr.State(None, delete_callback=lambda session: session and session.close())
        gr.Markdown(f"# {TITLE}\n\n{page.credits}")
        with gr.Row(equal_height=True):
            choice = gr.Radio(list(pictures), label="A sample", elem_id="sample")
            upload = gr.UploadButton("Open an image", file_types=KINDS, elem_id="open")
            message = gr.Markdown("Choose a sample or open an image.", elem_id="message")
        with gr.Row():
            strokes = canvas(label="Strokes", elem_id="strokes", container=True)
            shown = {"interactive": False, "buttons": ["fullscreen"]}
            segmentation = gr.Image(label="Segmentation", elem_id="segmentation", **shown)
        with gr.Row():
            uncertainty = gr.Image(label="Uncertainty", elem_id="uncertainty", **shown)
            similar = gr.Image(
                label="Similar pixels: click any picture but the strokes",
                elem_id="similar",
                **shown,
            )
        with gr.Row():
            names = {"mask": "Mask", "stroked": "Strokes", "classifier": "Classifier"}
            downloads = [
                gr.DownloadButton(f"Download {label.lower()}", elem_id=name)
                for name, label in names.items()
            ]
        with gr.Row():
            more = gr.File(
                label="More images", file_count="multiple", file_types=KINDS, elem_id="more"
            )
            gallery = gr.Gallery(label="Their segmentations", elem_id="gallery", columns=4)
            masks = gr.DownloadButton("Download their masks", elem_id="masks")

        # One computation at a time over all users, because each uses all cores.
        run = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private"}
        fresh = [session, strokes, segmentation, uncertainty, similar, message, *downloads]
        upload.upload(page.open, [upload, session], fresh, **run)
        upload.upload(lambda: None, None, choice, api_visibility="private")
        choice.input(
            lambda name, session: page.show(pictures[name], session),
            [choice, session],
            fresh,
            **run,
        )
        strokes.input(
            page.segment,
            [session, strokes],
            [segmentation, uncertainty, message, *downloads],
            show_progress="hidden",
            trigger_mode="always_last",
            **run,
        )

        def clicked(session, event: gr.SelectData):
            return page.similar(session, event.index)

        for picture in (segmentation, uncertainty, similar):
            picture.select(clicked, session, similar, show_progress="hidden", **run)

        def apply(session, paths, progress=gr.Progress()):  # noqa: B008 (required by Gradio)
            return page.apply(session, paths, progress)

        more.upload(apply, [session, more], [gallery, masks], **run)
    return blocks


def _read(path):
    try:
        return read_plane(path, MOST_PIXELS)
    except ValueError as error:
        raise _error(str(error)) from error


def _error(message):
    return gr.Error(message, print_exception=False)


def _heat(values):
    """Draws values in 0..1 as colours, uint8 `(height, width, 3)`."""
    from matplotlib import colormaps

    return colormaps["magma"](values, bytes=True)[..., :3].copy()
