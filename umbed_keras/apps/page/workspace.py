"""The state of the page: a project that is saved after each change, and its answers."""

import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from umbed_keras.apps.labelling.apply_files import Measuring
from umbed_keras.apps.page.answers import Answers
from umbed_keras.apps.page.events import Events
from umbed_keras.apps.page.history import History
from umbed_keras.apps.page.label_tiles import tiles_of
from umbed_keras.apps.page.pictures.shown_image import ShownImage
from umbed_keras.apps.page.pictures.tile_pyramid import TilePyramid
from umbed_keras.apps.page.places import SUFFIX, data_folder, free_path, project_path
from umbed_keras.apps.page.project_changes import MOST_CLASSES, ProjectChanges
from umbed_keras.apps.page.project_state import project_state
from umbed_keras.apps.page.results import Results
from umbed_keras.apps.page.worker import Task, Worker
from umbed_keras.images.folder_files import folder_files
from umbed_keras.segmentation.files.strokes_beside import BROKEN, is_strokes
from umbed_keras.segmentation.live_classifier import Plane
from umbed_keras.segmentation.project.project import Project
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import NO_RUNS
from umbed_keras.typing import PathLike

# Kinds of results, which are no images to label.
_RESULTS = (".labels", ".probability", ".overlay")


class Workspace(ProjectChanges):
    """A project on the page: every change of it is saved, can be undone, and is answered.

    Methods may be called in any thread.

    Args:
        path: file of the project, which is opened if it exists.
        open_paths: whether the page may open any file of this machine.

    Attributes:
        project: `umbed_keras.segmentation.Project`.
        events: `Events`, the news for open pages.
        worker: `Worker`.

    Raises:
        ValueError: if `path` is no project.

    Examples:
        >>> np.save("picture.npy", np.zeros((20, 30), "uint8"))
        >>> workspace = Workspace("project.umbed")
        >>> workspace.add_paths([Path("picture.npy")])
        {}
        >>> [image["name"] for image in workspace.state()["images"]]
        ['picture.npy']
        >>> workspace.close()
    """

    def __init__(self, path: PathLike, open_paths: bool = True) -> None:
        self.open_paths = open_paths
        self.events = Events()
        self.pyramid = TilePyramid()
        self._view: tuple[Plane | None, float, float] = (None, 0.0, 0.0)
        self.worker = Worker(self._failed, self._tell_tasks)
        self._roots = [data_folder().resolve()]
        super().__init__(self._opened(Path(os.path.abspath(path))))

    @classmethod
    def of_paths(cls, paths: Sequence[Path], open_paths: bool = True) -> "Workspace":
        """Opens a project for files that a command names.

        Args:
            paths: a project, or images and folders of images; the project then lies beside the
                first. Without any, it lies in `data_folder()`.
            open_paths: as in the class.

        Raises:
            ValueError: if a file is neither an image nor a project, or a folder has no images.
            OSError: if the folder of the project can't be written to.
        """
        images = [path for path in paths if path.suffix != SUFFIX]
        workspace = cls(project_path(paths), open_paths)
        folders = [path if path.is_dir() else path.parent for path in paths]
        workspace._roots += [folder.resolve() for folder in folders]
        broken = workspace.add_paths(images)
        workspace.history = History()
        if broken and all(broken.keys() & {path.name, str(path)} for path in images):
            workspace.close()
            raise ValueError("; ".join(f"{path}: {error}" for path, error in broken.items()))
        for name, error in broken.items():
            warnings.warn(f"left out: {name}: {error}", stacklevel=2)
        return workspace

    def _opened(self, path: Path) -> Project:
        """The project of a file, or one that will lie there."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            project = Project({1: "background", 2: "object"})
            project.path = path
            return project
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing images are shown as missing
            project = Project.load(path)
        if any(not 0 < number <= MOST_CLASSES for number in project.classes):
            raise ValueError(
                f"{path} has numbers of classes beyond 1 to {MOST_CLASSES}, which the page can't "
                "show."
            )
        return project

    def _begin(self, project: Project) -> None:
        with self._lock:
            super()._begin(project)
            assert project.path is not None
            self.results = Results(project.path.stem)
            self._shown: dict[str, ShownImage] = {}
            self._learn_anew()

    def close(self) -> None:
        """Ends the computing and the connections of pages."""
        self.events.close()
        self.worker.close()

    # What the page shows

    def state(self) -> dict[str, Any]:
        """Returns all that the page shows beside images and strokes, as JSON knows it."""
        with self._lock:
            project = self.project
            return {
                **project_state(project),
                "path": str(project.path) if self.open_paths else "",
                "open_paths": self.open_paths,
                "session": self.session,
                "revision": self.revision,
                "undo": self.history.undo_name,
                "redo": self.history.redo_name,
            }

    def shown(self, key: str) -> ShownImage:
        """Returns an image, open for the page.

        Args:
            key: key of an image of the project.

        Raises:
            KeyError: if there is none.
            FileNotFoundError: if its file is missing.
            ValueError: if it can't be read.
        """
        with self._lock:
            if key not in self._shown:
                image = self.project.open_image(key)
                self._shown[key] = ShownImage(image, key, self.pyramid)
            return self._shown[key]

    def labels(self, plane: Plane) -> bytes:
        """Returns the strokes of a plane, as `label_tiles.tiles_of` does.

        Args:
            plane: key of an image, and index of a plane.

        Raises:
            KeyError: if there is no such image.
        """
        with self._lock:
            image = self.project.images[plane[0]]
            return tiles_of(image.runs.get(plane[1], NO_RUNS), image.shape)

    def view(self, plane: Plane | None, row: float = 0, col: float = 0) -> None:
        """Answers for a plane that is now in view.

        Args:
            plane: key of an image, and index of a plane.
            row, col: position of the middle of the view, in pixels.
        """
        self._view = (plane, row, col)
        self._answer()

    def compute(self, name: str, *arguments: Any) -> None:
        """Lets the worker compute what `Answers` has a method for.

        Args:
            name: `"similar"` or `"suggest"`.
            *arguments: those of the method.
        """
        start = getattr(self.answers, name)
        self.worker.submit(Task(name, 1, lambda: start(*arguments)))

    def apply(self, paths: Sequence[Path], measuring: Measuring | None) -> None:
        """Lets the worker segment files, whose results replace those of the last time.

        Args:
            paths: images and folders.
            measuring: what counts as an object; None measures nothing.

        Raises:
            ValueError: if there are no paths.
            FileNotFoundError: if one is missing.
        """
        if not paths:
            raise ValueError("There are no images to segment.")
        for path in paths:
            if not path.exists():
                raise FileNotFoundError(f"There is no file or folder {path}.")
        self.results.begin()
        folder, answers = self.results.folder, self.answers
        self.worker.submit(Task("apply", 2, lambda: answers.apply(paths, folder, measuring)))

    def image_paths(self, keys: Sequence[str] | None = None) -> list[Path]:
        """Returns the paths of images that are there.

        Args:
            keys: keys of images; None takes all.
        """
        images = self.project.images
        chosen = [images[key] for key in (images if keys is None else keys)]
        return [image.path for image in chosen if image.is_present()]

    # Images

    def add_paths(self, paths: Sequence[Path]) -> dict[str, str]:
        """Adds images, and those of folders.

        Args:
            paths: paths of files and folders.

        Returns:
            Dictionary from the name of each that can't be used to the reason.
        """
        broken, files = {}, []
        for path in paths:
            if path.is_dir() and path.suffix.lower() != ".zarr":
                try:
                    files += [file for file in folder_files(path).images if _is_input(file)]
                except ValueError as error:
                    broken[str(path)] = str(error)
            else:
                files.append(path)
        images = []
        for file in files:
            try:
                images.append(ProjectImage.of_file(file))
            except BROKEN as error:
                broken[file.name] = str(error)
        if images:
            with self._change("add images"):
                self.project.images = dict(self.project.images)
                for image in images:
                    self.project.take_image(image)
        return broken

    def remove_image(self, key: str) -> None:
        """Removes an image and its strokes from the project; the file stays.

        Args:
            key: key of the image.

        Raises:
            KeyError: if there is none.
        """
        with self._change("remove image"):
            self.project.images = dict(self.project.images)
            self.project.remove_image(key)

    def upload_path(self, name: str) -> Path:
        """Returns where an uploaded file is to lie, a path that does not exist yet.

        Args:
            name: name of the file, of which the last part counts.

        Raises:
            ValueError: if nothing is left of the name.
        """
        assert self.project.path is not None
        folder = data_folder() / "uploads" / self.project.path.stem
        folder.mkdir(parents=True, exist_ok=True)
        return free_path(folder, name)

    def take_upload(self, path: Path) -> dict[str, str]:
        """Adds an uploaded image, or opens an uploaded project.

        Args:
            path: what `upload_path` returned, of a file that is there now.

        Returns:
            As `add_paths`; a file that can't be used is removed.
        """
        if path.suffix == SUFFIX:
            target = free_path(data_folder(), path.name)
            shutil.move(path, target)
            self.open_project(target)
            return {}
        before = set(self.project.images)
        broken = self.add_paths([path])
        if broken:
            path.unlink(missing_ok=True)
        elif set(self.project.images) == before:  # the same image once more
            for image in self.project.images.values():
                if image.path == path:
                    break
            else:
                path.unlink(missing_ok=True)
        return broken

    def import_labels(self, key: str, path: Path) -> None:
        """Replaces the strokes of an image by those of a label image.

        Args:
            key: key of the image.
            path: path of the label image.

        Raises:
            KeyError: if there is no such image.
            ValueError: if the file holds no labels of this size, or numbers beyond 255.
            OSError: if it can't be read.
        """
        with self._change("import labels"):
            before = dict(self.project.images[key].runs), dict(self.project.classes)
            self.project.import_strokes(key, path)
            if any(not 0 < number <= MOST_CLASSES for number in self.project.classes):
                self.project.images[key].runs, self.project.classes = before
                raise ValueError(f"The page shows numbers of classes from 1 to {MOST_CLASSES}.")

    def allowed_path(self, path: Path) -> Path:
        """Returns the absolute path of a file or folder that the page may open.

        Args:
            path: its path.

        Raises:
            PermissionError: if the page may not open it.
            FileNotFoundError: if it is not there.
        """
        path = Path(os.path.abspath(path.expanduser()))
        real = path.resolve()
        if not self.open_paths and not any(real.is_relative_to(root) for root in self._roots):
            raise PermissionError("This page opens what its command was given, and no other path.")
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        return path

    def open_path(self, path: Path) -> dict[str, str]:
        """Opens a project, or adds an image or a folder, of this machine.

        Args:
            path: its path.

        Returns:
            As `add_paths`.

        Raises:
            PermissionError: if the page may not open it.
            FileNotFoundError: if it is not there.
            ValueError: if it is no project.
        """
        path = self.allowed_path(path)
        if path.suffix == SUFFIX:
            self.open_project(path)
            return {}
        if self.project.missing:
            with self._change("find images"):
                self.project.relocate(path)
                # Files that were open lie elsewhere.
                self._shown.clear()
                self._learn_anew()
        return self.add_paths([path])

    def open_project(self, path: Path) -> None:
        """Opens another project in place of this one, which is saved already.

        Args:
            path: path of its file, which is begun if it does not exist.

        Raises:
            ValueError: if it is no project.
        """
        for name in ("answer", "similar", "suggest", "apply"):
            self.worker.cancel(name)
        places = {image.path.parent for image in self.project.images.values()}
        places.add(data_folder() / "uploads" / path.stem)
        self._begin(self._opened(path))
        for place in places:
            if self.project.missing and place.is_dir():
                try:
                    self.project.relocate(place)
                except ValueError:
                    continue  # a folder without images
        self._view = (None, 0.0, 0.0)
        self._after_change()
        self.events.publish({"type": "opened"})

    def new_project(self) -> None:
        """Begins an empty project in the folder of the user's data."""
        self.open_project(free_path(data_folder(), f"project{SUFFIX}"))

    def _learn_anew(self) -> None:
        self.answers = Answers(self._snapshot, self.events.publish)

    def _answer(self) -> None:
        answers = self.answers
        self.worker.submit(Task("answer", 0, lambda: answers.answer(*self._view)))

    def _after_change(self) -> None:
        self._answer()
        before = self.project.path
        super()._after_change()
        if self.project.path != before:
            text = f"Another program changed {before}. This page keeps its work in "
            self._failed("save", FileExistsError(f"{text}{self.project.path} from now on."))
        self.events.publish({"type": "changed", "revision": self.revision})

    def _failed(self, name: str, error: Exception) -> None:
        text = str(error) or type(error).__name__
        self.events.publish({"type": "error", "task": name, "text": text})

    def _tell_tasks(self, names: list[str]) -> None:
        self.events.publish({"type": "tasks", "names": names})


def _is_input(path: Path) -> bool:
    """Whether a file is neither strokes nor a result."""
    return not is_strokes(path) and not path.stem.endswith(_RESULTS)
