"""The command `umbed-keras`: how it starts, and what it does with errors."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import umbed_keras as uk
from umbed_keras.apps.command import COMMANDS, main
from umbed_keras.apps.process import runs_command

ROOT = Path(uk.__file__).parents[1]


@pytest.fixture
def shell(tmp_path):
    """`shell(*command)` runs Python in an empty folder, where no variable names the backend."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    environment.pop("KERAS_BACKEND", None)

    def run(*command):
        command = [sys.executable, *map(str, command)]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True
        )

    return run


def script(tmp_path):
    """The script that pip makes of `[project.scripts]`."""
    path = tmp_path / "umbed-keras"
    path.write_text("import sys\nfrom umbed_keras.apps.command import main\nsys.exit(main())\n")
    return path


def test_help_needs_neither_keras_nor_numpy(shell, tmp_path):
    for start in (["-m", "umbed_keras"], [script(tmp_path)]):
        for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
            done = shell("-X", "importtime", *start, *arguments)
            assert done.returncode == 0, done.stderr
            assert "usage: umbed-keras" in done.stdout
            for package in ("keras", "numpy", "scipy", "PIL"):
                assert f"| {package}\n" not in done.stderr, arguments
    assert all(name in shell("-m", "umbed_keras", "--help").stdout for name in COMMANDS)
    assert shell("-m", "umbed_keras", "--version").stdout == f"umbed-keras {uk.__version__}\n"


def test_the_command_knows_all_classes_and_the_backend(shell, tmp_path):
    done = shell(script(tmp_path), "presets", "verify", "celeba_vq_k16")
    assert done.returncode == 0, done.stderr
    assert "PixelEmbedder with 570,225 parameters loads; 3 files" in done.stdout


def test_other_programs_import_all_classes_at_once(shell):
    code = "import umbed_keras, keras; print(len(keras.saving.get_custom_objects()) > 20)"
    assert shell("-c", code).stdout == "True\n"


# Run as the script of the command.
WARNING = """
import sys, warnings
from umbed_keras.apps import command, presets

def run(args):
    for kind in (DeprecationWarning, UserWarning, ResourceWarning):
        warnings.warn("two\\nlines", kind)

presets.run = run
command.main(["presets", "list"])
"""


def test_warnings_are_one_line_and_for_users(shell, tmp_path):
    path = tmp_path / "umbed-keras"
    path.write_text(WARNING)
    assert shell("-W", "always", path).stderr == "umbed-keras: warning: two lines\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "umbed-keras: error: the following arguments are required: COMMAND"),
        (["segmnt"], "umbed-keras: error: argument COMMAND: invalid choice: 'segmnt'"),
        (["presets"], "umbed-keras presets: error: the following arguments are required: ACTION"),
        (["presets", "show", "celeba_vq"], "umbed-keras presets: error: No preset 'celeba_vq'"),
        (["presets", "list", "x*"], "umbed-keras presets: error: no preset has a name like 'x*'"),
    ],
)
def test_an_error_is_one_line_and_status_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as status:
        main(arguments)
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_napari_without_its_extra_names_the_command_of_pip(capsys):
    if importlib.util.find_spec("napari"):
        pytest.skip("napari is installed")
    with pytest.raises(SystemExit, match="2"):
        main(["napari"])
    assert 'pip install "umbed_keras[napari]"' in capsys.readouterr().err


def test_processes_of_multiprocessing_have_more_arguments_than_they_were_started_with(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script.py", *"abcdefghij"])
    monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "from multiprocessing.spawn ..."])
    assert not runs_command()
