import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from umbed_keras import files
from umbed_keras.files import present, replaced, written_whole

pytestmark = pytest.mark.torch_alone

# Loads the module alone, in milliseconds: it needs no other than the standard library's.
LOAD = """
import importlib.util, itertools, os, sys, types
sys.modules["umbed_keras.typing"] = types.SimpleNamespace(PathLike=str)
spec = importlib.util.spec_from_file_location("files", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
# Replaces a folder again and again; every file of one generation holds its number.
FOLDER_WRITER = """
for generation in itertools.count(int(sys.argv[3])):
    with module.replaced(sys.argv[2]) as new:
        for name in ("config", "metadata", "weights"):
            with open(new / name, "w") as file:
                for _ in range(40):
                    print(generation, file=file)
                    file.flush()
    print(generation, flush=True)
"""
# Replaces a file again and again; every line of one generation holds its number.
FILE_WRITER = """
for generation in itertools.count(int(sys.argv[3])):
    with module.written_whole(sys.argv[2]) as new, open(new, "w") as file:
        for _ in range(40):
            print(generation, file=file)
            file.flush()
    print(generation, flush=True)
"""


def start(code, path, *arguments):
    """Starts a process that runs code with the module, a path and more arguments."""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", LOAD + code, files.__file__, path, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def generations_until_killed(code, path):
    """Runs a writer 30 times, kills it, and yields the last generation that it reported."""
    delays, first = random.Random(0), 0
    for _ in range(30):
        process = start(code, path, first)
        process.stdout.readline()  # it has written once
        time.sleep(delays.uniform(0, 0.01))
        process.kill()
        # Not `communicate`, which loses lines that `readline` has buffered.
        with process:
            reported = process.stdout.read().split()
        last = int(reported[-1]) if reported else first
        yield last
        first = last + 2


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_folder_is_complete_whenever_the_writer_is_killed(tmp_path):
    folder = tmp_path / "preset"
    for last in generations_until_killed(FOLDER_WRITER, folder):
        texts = contents(present(folder))
        assert set(texts) == {"config", "metadata", "weights"}
        generations = {line for text in texts.values() for line in text.split()}
        assert len(generations) == 1
        assert all(len(text.split()) == 40 for text in texts.values())
        # The reported generation, or the one that was being put in place.
        assert int(generations.pop()) in (last, last + 1)


def test_a_folder_is_recovered_between_the_two_renames(tmp_path):
    old = tmp_path / ".preset.umbed_old"
    old.mkdir()
    (old / "weights").write_text("old")
    assert contents(present(tmp_path / "preset")) == {"weights": "old"}
    with replaced(tmp_path / "preset") as new:
        # A reader gets the old folder until the new one is complete.
        assert contents(present(tmp_path / "preset")) == {"weights": "old"}
        (new / "weights").write_text("new")
    assert contents(present(tmp_path / "preset")) == {"weights": "new"}
    assert names(tmp_path) == {"preset"}


def test_leftover_folders_are_removed(tmp_path):
    (tmp_path / "preset").mkdir()
    for kind in ("new", "old"):
        (tmp_path / f".preset.umbed_{kind}").mkdir()
        (tmp_path / f".preset.umbed_{kind}" / "junk").write_text("")
    with replaced(tmp_path / "preset") as new:
        (new / "weights").write_text("new")
    assert names(tmp_path) == {"preset"}
    assert contents(tmp_path / "preset") == {"weights": "new"}


def test_an_error_keeps_the_old_folder(tmp_path):
    (tmp_path / "preset").mkdir()
    (tmp_path / "preset" / "weights").write_text("old")
    with pytest.raises(FileNotFoundError), replaced(tmp_path / "preset") as new:
        (new / "weights").write_bytes((tmp_path / "missing").read_bytes())
    assert names(tmp_path) == {"preset"}
    assert contents(tmp_path / "preset") == {"weights": "old"}


def test_a_file_is_complete_whenever_the_writer_is_killed(tmp_path):
    path = tmp_path / "state.json"
    for last in generations_until_killed(FILE_WRITER, path):
        lines = path.read_text().split()
        assert len(lines) == 40
        assert len(set(lines)) == 1
        assert int(lines[0]) in (last, last + 1)
        # Writers remove the temporary files of those that were killed before them.
        assert len(names(tmp_path)) <= 2
    with written_whole(path) as new:
        new.write_text("last")
    assert contents(tmp_path) == {"state.json": "last"}


def test_a_failing_writer_keeps_the_old_file(tmp_path):
    path = tmp_path / "state.json"

    def fail(error):
        with written_whole(path) as new:
            new.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError)
    assert names(tmp_path) == set()
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt)
    assert contents(tmp_path) == {"state.json": "old"}


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, dangling):
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    if not dangling:
        target.write_text("old")
    # A link to a link, one of them relative.
    (tmp_path / "links").mkdir()
    middle, link = tmp_path / "links" / "middle", tmp_path / "links" / "link"
    middle.symlink_to(target)
    link.symlink_to("middle")
    with written_whole(link) as new:
        assert new.parent == target.parent
        new.write_text("new")
    assert middle.is_symlink()
    assert link.is_symlink()
    assert names(tmp_path / "links") == {"middle", "link"}
    assert contents(target.parent) == {"target": "new"}


def test_permissions_are_kept(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")
    path.chmod(0o640)
    with written_whole(path) as new:
        new.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o640
    # A new file gets the permissions of any new file.
    (tmp_path / "plain").write_text("")
    with written_whole(tmp_path / "other") as new:
        new.write_text("new")
    assert (tmp_path / "other").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_read_only_folder_is_named(tmp_path):
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o555)
    temporary = Path(tempfile.gettempdir())
    for parent in itertools.takewhile(temporary.__ne__, (tmp_path, *tmp_path.parents)):
        parent.chmod(0o755)
    # Root may write everywhere, so it becomes nobody.
    code = """
if os.geteuid() == 0:
    os.setuid(65534)
try:
    with module.written_whole(sys.argv[2]) as new:
        raise AssertionError("nothing can be written there")
except PermissionError as error:
    print(error)
"""
    said, error = start(code, folder / "state.json").communicate()
    assert "'state.json' can't be written to this folder" in said, error
    assert str(folder) in said


def test_what_cannot_be_replaced_is_named(tmp_path):
    says = r"can't be written to this folder.*missing"
    with (
        pytest.raises(FileNotFoundError, match=says),
        written_whole(tmp_path / "missing" / "state.json"),
    ):
        pass
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe"):
        says = rf"{name}' can't be replaced: it is not a regular file"
        with pytest.raises(OSError, match=says), written_whole(tmp_path / name):
            pass
    assert names(tmp_path) == {"folder", "pipe"}


def test_two_processes_write_the_same_file(tmp_path):
    path = tmp_path / "state.json"
    writers = [start(FILE_WRITER, path, first) for first in (0, 1_000_000)]
    for writer in writers:
        writer.stdout.readline()
    seen = set()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        lines = path.read_text().split()
        assert len(lines) == 40
        assert len(set(lines)) == 1
        seen.add(int(lines[0]) >= 1_000_000)
    assert seen == {False, True}
    for writer in writers:
        assert writer.poll() is None, writer.stderr.read()
        writer.kill()
        writer.communicate()


def test_two_threads_of_writing_in_one_process(tmp_path):
    path = tmp_path / "state.json"
    with written_whole(path) as first, written_whole(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert contents(tmp_path) == {"state.json": "first"}


def test_only_abandoned_temporary_files_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    machines, processes = (files._machine(), "01234567"), (os.getpid(), ended.pid)
    for machine, process, hours in itertools.product(machines, processes, (1, 25)):
        path = tmp_path / f"{files._PREFIX}-{machine}-{process}-{hours}"
        path.write_text("")
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    (tmp_path / f"{files._PREFIX}_other").write_text("")
    with written_whole(tmp_path / "state.json") as new:
        new.write_text("new")
    assert names(tmp_path) == {
        "state.json",
        f"{files._PREFIX}_other",
        f"{files._PREFIX}-{files._machine()}-{os.getpid()}-1",
        f"{files._PREFIX}-01234567-{os.getpid()}-1",
        f"{files._PREFIX}-01234567-{ended.pid}-1",
    }
