"""A command that is ended from outside: each signal is an interruption, and the handlers of before come back."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from minirnn import History
from minirnn.interrupts import ENDING, Interruption, exit_status, handle, interruptible, pass_on

ROOT = Path(__file__).resolve().parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="sends signals as POSIX systems do")
SIGNALS = [(signal.SIGINT, 130), *((getattr(signal, name), status) for name, status in (("SIGTERM", 143), ("SIGHUP", 129))
                                   if hasattr(signal, name))]


@pytest.fixture(autouse=True)
def handlers_as_before():
    before = {number: signal.getsignal(number) for number in ENDING}
    signal.signal(signal.SIGINT, signal.default_int_handler)    # pytest may have been started with Ctrl-C ignored
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number, status", SIGNALS)
def test_each_signal_interrupts_and_has_its_exit_status(number, status):
    before = signal.getsignal(number)
    with interruptible() as seen, pytest.raises(KeyboardInterrupt):
        assert seen.received is None
        signal.raise_signal(number)
    assert seen.received == number and exit_status(KeyboardInterrupt(), seen) == status
    assert signal.getsignal(number) is before


@posix
def test_what_is_ignored_stays_ignored_as_nohup_wants_it():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible() as seen:
        signal.raise_signal(signal.SIGHUP)
    assert seen.received is None and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_nothing_happens_in_another_thread():
    def elsewhere():
        with interruptible() as seen:
            found.append((seen.received, [signal.getsignal(number) for number in ENDING]))
    found, before = [], [signal.getsignal(number) for number in ENDING]
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [(None, before)]


def test_an_interruption_that_python_drops_comes_again():
    """In `__del__` no exception can be raised: Python prints it and goes on."""
    class Interrupted:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    with interruptible(), pytest.raises(KeyboardInterrupt):
        Interrupted()
        threading.Event().wait(10)
    assert sys.unraisablehook.__module__ != "minirnn.interrupts"


def test_an_interruption_that_is_to_come_again_does_not_come_when_all_is_over():
    class Dies:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    arrived = []
    before = signal.signal(signal.SIGINT, lambda *_: arrived.append("late"))
    try:
        with interruptible() as seen:
            Dies()
        assert seen.received == signal.SIGINT
        time.sleep(0.2)                                         # it would come after 0.02 seconds
        assert not arrived
    finally:
        signal.signal(signal.SIGINT, before)


@posix
def test_an_interruption_inside_of_exec_has_its_exit_status_too(tmp_path):
    """As while a library makes its dataclasses: `python -m` would end by SIGINT, though the interruption was handled."""
    (tmp_path / "command.py").write_text(
        "import signal, sys\n"
        "from minirnn.interrupts import exit_status, interruptible\n"
        "with interruptible() as seen:\n"
        "    try:\n"
        "        exec('signal.raise_signal(signal.SIGTERM)')\n"
        "    except KeyboardInterrupt as error:\n"
        "        status = exit_status(error, seen)\n"
        "sys.exit(status)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    assert subprocess.run([sys.executable, "-m", "command"], env=environment).returncode == 143


SLOW_NUMPY = """
import os, sys, time
print("importing", flush=True)
time.sleep(60)
"""


@posix
@pytest.mark.parametrize("number, status", SIGNALS)
def test_a_command_that_still_imports_ends_at_once_with_one_line(tmp_path, number, status):
    (tmp_path / "numpy.py").write_text(SLOW_NUMPY)
    command = subprocess.Popen([sys.executable, "-m", "minirnn"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert command.stdout.readline() == "importing\n"
    command.send_signal(number)
    _, said = command.communicate(timeout=30)
    assert (command.returncode, said) == (status, "minirnn: interrupted\n")


@posix
def test_a_program_that_imports_minirnn_keeps_its_own_handlers(tmp_path):
    code = "import signal; signal.signal(15, print); import minirnn; print(signal.getsignal(15) is print, signal.getsignal(2))"
    for program in (["-c", code], [str(tmp_path / "program.py")]):
        (tmp_path / "program.py").write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}")
        done = subprocess.run([sys.executable, *program], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.startswith("True <built-in function default_int_handler>"), done.stderr


def test_what_interrupted_a_training_interrupts_whoever_asked_for_it():
    pass_on(History())
    with pytest.raises(KeyboardInterrupt) as caught:
        pass_on(History(stopped="interrupted", signal=int(signal.SIGTERM)))
    assert exit_status(caught.value, Interruption()) == 143 and exit_status(KeyboardInterrupt(), Interruption()) == 130


def test_handle_says_what_there_was_before():
    before = {number: signal.getsignal(number) for number in ENDING}
    assert handle(print) == before and signal.getsignal(signal.SIGINT) is print
