"""The first notebook as a student meets it: JupyterLab in a real browser, run, moved, answered wrong and right.

Runs where there are a Chromium and its driver (Debian's packages chromium and chromium-driver), with MINIRNN_ALL=1. With
MINIRNN_SHOTS=FOLDER the screenshots stay there, to be looked at.
"""

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from browser.webdriver import Browser, free_port, programs, wait_for

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600                           # for what takes a few on an idle machine: no timing decides here

pytestmark = [pytest.mark.skipif(os.environ.get("MINIRNN_ALL") != "1", reason="takes a minute: with MINIRNN_ALL=1"),
              pytest.mark.skipif(programs() is None, reason="there is no Chromium with its driver")]


@pytest.fixture
def shots(tmp_path):
    folder = Path(os.environ.get("MINIRNN_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def lab(tmp_path):
    """JupyterLab over a copy of the notebooks; its address."""
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    shutil.copytree(ROOT / "minirnn", tmp_path / "project" / "minirnn", ignore=shutil.ignore_patterns("__pycache__"))
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, tmp_path / "project" / "notebooks")
    for name, text in (("notebook-extension/tracker", '{"windowingMode": "none"}'),       # all cells exist, also those unseen
                       ("apputils-extension/notification", '{"fetchNews": "false"}')):
        settings = tmp_path / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text(text)
    port = free_port()
    folders = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_CONFIG_DIR": "config",
               "JUPYTER_RUNTIME_DIR": "runtime"}
    environment = {**os.environ, **{name: str(tmp_path / folder) for name, folder in folders.items()}}
    options = ["--no-browser", f"--port={port}", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
               *["--allow-root"] * (getattr(os, "geteuid", lambda: 1)() == 0)]
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], cwd=tmp_path / "project", env=environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(f"{address}/api", timeout=5).status == 200
        except OSError:
            return False

    try:
        wait_for(answers, SECONDS, "JupyterLab")
        yield address
    finally:
        server.terminate()
        server.wait(30)


class Lab:
    """One notebook in JupyterLab."""

    def __init__(self, browser, address, name):
        self.browser = browser
        browser.open(f"{address}/lab/tree/notebooks/{name}?reset")
        wait_for(lambda: self.ask("return kernel && kernel.status === 'idle'"), SECONDS, "an idle kernel")

    def ask(self, script, *arguments):
        """What a piece of JavaScript returns, in which `panel` is the notebook and `kernel` its kernel."""
        return self.browser.run("const panel = window.jupyterapp && jupyterapp.shell.currentWidget; "
                                "const kernel = panel && panel.sessionContext && panel.sessionContext.session && "
                                "panel.sessionContext.session.kernel; " + script, *arguments)

    def run_all(self):
        self.ask("return jupyterapp.commands.execute('notebook:run-all-cells').then(() => true)")
        wait_for(lambda: self.ask("return kernel.status === 'idle' && " + self.counts("every")), SECONDS, "the last cell")

    @staticmethod
    def counts(which):
        return ("panel.content.widgets.filter(c => c.model.type === 'code')."
                f"{which}(c => c.model.executionCount !== null && c.promptNode.textContent.indexOf('*') < 0)")

    def cell_with(self, text):
        """The number of the code cell in which a text stands."""
        return self.ask("return panel.content.widgets.findIndex(c => c.model.type === 'code' && "
                        "c.model.sharedModel.source.includes(arguments[0]))", text)

    def write_and_run(self, index, source=None):
        """Put a text into a cell, if one is given, and run it."""
        self.ask("""
            const cell = panel.content.widgets[arguments[0]];
            if (arguments[1] !== null) cell.model.sharedModel.setSource(arguments[1]);
            panel.content.activeCellIndex = arguments[0];
            return jupyterapp.commands.execute('notebook:run-cell').then(() => true)""", index, source)
        wait_for(lambda: self.ask("return kernel.status === 'idle'"), SECONDS, "the cell")

    def shown(self, index):
        """What stands below a cell, as a reader sees it."""
        return self.ask("return panel.content.widgets[arguments[0]].outputArea.node.innerText", index)

    def scroll_to(self, index):
        self.ask("panel.content.widgets[arguments[0]].node.scrollIntoView(); return true", index)


@pytest.fixture
def browser(shots):
    """A browser; what it showed at the end of the test stays as last.png."""
    with Browser() as browser:
        yield browser
        browser.picture(shots / "last.png")


def test_a_student_runs_the_notebook_moves_the_slider_and_answers(browser, lab, shots):
    notebook = Lab(browser, lab, "00_start_here.ipynb")
    browser.picture(shots / "00_top.png")
    notebook.run_all()
    errors = notebook.ask("return panel.content.widgets.filter(c => c.model.type === 'code').flatMap(c => "
                          "[...c.outputArea.node.querySelectorAll('[data-mime-type*=stderr], [data-mime-type*=error]')]"
                          ".map(n => n.innerText))")
    assert errors == []

    check, answer = notebook.cell_with('exercises.check("00.2"'), notebook.cell_with("new_state = ")
    assert "00.2 is not answered yet" in notebook.shown(check)
    notebook.write_and_run(answer, "new_state = (-0.45, -0.7)")
    notebook.write_and_run(check)
    assert "the tanh is still to come" in notebook.shown(check)
    notebook.scroll_to(answer)
    browser.picture(shots / "00_wrong.png")
    notebook.write_and_run(answer, "new_state = np.tanh([-0.45, -0.7])")
    notebook.write_and_run(check)
    assert "00.2 is right" in notebook.shown(check)
    browser.picture(shots / "00_right.png")

    step = notebook.cell_with("minirnn.step_through(")
    notebook.scroll_to(step)
    before = notebook.shown(step)
    assert "0.856" in before
    of_step, of_unit, of_example = browser.find(".jp-OutputArea-output .noUi-handle")
    browser.press(of_unit, "right")
    wait_for(lambda: "−0.280" in notebook.shown(step), SECONDS, "the other unit")
    assert notebook.shown(step) != before
    browser.picture(shots / "00_step.png")
    browser.resize(1000, 900)
    notebook.scroll_to(step)
    browser.picture(shots / "00_step_at_1000.png")
    wide = notebook.ask("return panel.content.widgets.filter(c => c.outputArea && c.outputArea.node.scrollWidth > "
                        "c.outputArea.node.clientWidth + 1).map(c => c.model.sharedModel.source.slice(0, 60))")
    assert wide == [], "wider than the window"
    tracks = browser.run("return [...document.querySelectorAll('.jp-OutputArea-output .noUi-target')].map(t => t.clientWidth)")
    assert min(tracks) > 60, "no track to slide on"
