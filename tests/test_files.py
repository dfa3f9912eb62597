"""Files: whole or not at all, whoever writes beside, whatever goes wrong; and what can be known before."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from whole import amount

from minirnn import files
from minirnn.files import check_writable, replacing, write_or_elsewhere

ROOT = Path(__file__).resolve().parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="asks for what POSIX systems do")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- replacing -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, OSError(errno.ENOSPC, "No space left on device")])
def test_what_does_not_end_well_leaves_the_older_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "new" / "file.txt"
    with replacing(path, "w") as file:
        file.write("older")
    with pytest.raises(error if isinstance(error, type) else type(error)), replacing(path, "w") as file:
        file.write("half")
        raise error
    assert path.read_text() == "older" and names(path.parent) == ["file.txt"]


def test_an_error_of_the_system_names_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError, match=r"No space left on device: .*model.npz") as caught, replacing(tmp_path / "model.npz"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(FileNotFoundError, match="another"), replacing(tmp_path / "model.npz"):
        open(tmp_path / "another")                              # an error about another file stays as it is


LIMITED = """
import resource, signal, sys
from minirnn import Model, make_cell
model = Model(make_cell("lstm", 50, 50), 2)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    model.save(sys.argv[1])
except OSError as error:
    print(error)
"""


@posix
def test_a_model_that_does_not_fit_on_the_disk_is_an_error_with_its_path(tmp_path):
    path = tmp_path / "model.npz"
    path.write_text("older")
    done = subprocess.run([sys.executable, "-c", LIMITED, path], cwd=ROOT, capture_output=True, text=True)
    assert "File too large" in done.stdout and str(path) in done.stdout and done.stderr == ""
    assert names(tmp_path) == ["model.npz"] and path.read_text() == "older"


def test_what_a_killed_writer_left_is_removed_when_it_is_old(tmp_path):
    old, young, foreign = (tmp_path / name for name in (".minirnn-0123.part", ".minirnn-4567.part", "mine.part"))
    for path in (old, young, foreign):
        path.write_text("half")
    for path in (old, foreign):
        os.utime(path, (time.time() - 7200,) * 2)
    with replacing(tmp_path / "file") as file:
        file.write(b"whole")
    assert names(tmp_path) == [young.name, "file", "mine.part"]


@posix
def test_a_link_stays_a_link_and_permissions_stay_as_they_were(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("older")
    real.chmod(0o600)
    link.symlink_to(real)
    with replacing(link) as file:
        file.write(b"newer")
    assert link.is_symlink() and real.read_text() == "newer" and real.stat().st_mode & 0o777 == 0o600


@posix
def test_a_device_is_never_replaced():
    with pytest.raises(OSError, match="expected a file, this is a device or a pipe: '/dev/null'"), replacing("/dev/null"):
        pass
    assert not os.path.isfile("/dev/null")


def test_a_name_that_is_taken_for_a_moment_is_tried_again(tmp_path, monkeypatch):
    """As on Windows, where nobody can replace a file that somebody else is reading."""
    tries, replace = [], os.replace

    def taken_twice(*given):
        tries.append(given)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "somebody reads it")
        replace(*given)
    monkeypatch.setattr(os, "replace", taken_twice)
    monkeypatch.setattr(files, "TRIES", 5)
    with replacing(tmp_path / "file") as file:
        file.write(b"whole")
    assert len(tries) == 3 and (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.parametrize("path, error, words", [
    (None, TypeError, "path is None, expected a path"),
    (3, TypeError, "path is 3, expected a path"),
    ("", ValueError, "path is '', expected a path"),
    ("a\0b", ValueError, "expected a path"),
    (".", IsADirectoryError, "expected a file, this is a folder"),
    ("a" * 300, OSError, "too long|syntax"),
])
def test_bad_paths_get_one_clear_sentence(tmp_path, monkeypatch, path, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words), replacing(path):
        pass
    assert names(tmp_path) == []


WRITER = """
import sys
import numpy as np
from minirnn.arrays import write_arrays
path, number, n_files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for k in range(n_files):
    write_arrays(path, {"a": np.full(5000, 1000 * number + k), "b": np.full(300, 1000 * number + k)})
"""


@pytest.mark.parametrize("n_writers", [2, 4, 8])
def test_however_many_write_to_one_path_every_reader_finds_a_whole_file(tmp_path, n_writers):
    from minirnn.arrays import read_arrays
    path, n_files = tmp_path / "shared.npz", amount(10, 200)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(number), str(n_files)], cwd=ROOT)
               for number in range(n_writers)]
    reads, found = 0, set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            stored = read_arrays(path)
            values = set(stored["a"]) | set(stored["b"])
            assert len(values) == 1 and len(stored["a"]) == 5000
            found |= values
            reads += 1
    assert [writer.returncode for writer in writers] == [0] * n_writers
    assert reads and len(found) > 1 and names(tmp_path) == ["shared.npz"]


# ---- looking before --------------------------------------------------------------------------------------------------

def test_looking_before_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "folder", "model.npz")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "model.npz").write_text("older")
    check_writable(tmp_path / "there", "model.npz")
    assert names(tmp_path) == ["there"] and names(tmp_path / "there") == ["model.npz"]


@pytest.mark.parametrize("folder, file, words", [
    ("taken", None, "expected a folder, this is none: .*taken"),
    ("taken/below", None, "taken"),
    ("new/" + "a" * 300 + "/below", None, "too long|syntax"),
    (".", "a" * 300, "too long|syntax"),
    (".", "folder", "expected a file, this is a folder: .*folder"),
    ("new", "a" * 300 + ".png", "too long|syntax"),
])
def test_a_place_where_nothing_can_be_written_is_known_before(tmp_path, folder, file, words):
    (tmp_path / "taken").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=words):
        check_writable(tmp_path / folder, *([file] if file else []))


@posix
def test_devices_and_folders_of_the_system_are_known_before():
    with pytest.raises(NotADirectoryError, match="/dev/null"):
        check_writable("/dev/null")
    with pytest.raises(OSError, match="/proc/new"):
        check_writable("/proc/new/folder")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is protected from root")
def test_protected_folders_and_files_are_known_before(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o400)
    with pytest.raises(PermissionError, match="the file is write-protected: .*file"):
        check_writable(tmp_path, "file")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        check_writable(tmp_path / "new")


def test_a_full_disk_is_known_before(tmp_path, monkeypatch):
    usage = files.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(OSError, match="No space left on device") as caught:
        check_writable(tmp_path / "new")
    assert caught.value.errno == errno.ENOSPC and str(tmp_path / "new") in str(caught.value)
    check_writable(tmp_path, n_bytes=1000)


# ---- another place ---------------------------------------------------------------------------------------------------

def write(folder):
    with replacing(folder / "result.json", "w") as file:
        json.dump([1, 2], file)


def test_results_are_where_they_should_be_if_they_can(tmp_path):
    assert write_or_elsewhere(tmp_path / "out", write) == (tmp_path / "out", None)
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == [1, 2]


def test_results_that_cannot_be_written_are_kept_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "out").write_text("a file in the way")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "temporary"))
    folder, error = write_or_elsewhere(tmp_path / "out", write)
    assert folder.parent == tmp_path / "temporary" and isinstance(error, OSError) and "out" in str(error)
    assert json.loads((folder / "result.json").read_text()) == [1, 2]


def test_the_first_error_comes_through_if_there_is_no_place_at_all(tmp_path, monkeypatch):
    def full(folder):
        raise OSError(errno.ENOSPC, "No space left on device", str(folder))
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files.Path, "home", lambda: tmp_path)
    with pytest.raises(OSError, match=str(tmp_path / "out")):
        write_or_elsewhere(tmp_path / "out", full)
