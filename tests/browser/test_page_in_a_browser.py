"""The file with sliders in a real browser, from the disk and without a network: what it shows is what Python says.

Runs where there is a Chromium with its driver (Debian: chromium, chromium-driver), and is skipped elsewhere. The driver
speaks the WebDriver protocol, JSON over HTTP, so nothing more is needed. With MINIRNN_SHOTS=folder it leaves screenshots.
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import minirnn
from minirnn.stepping.html import Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no Chromium with its driver")
RIGHT, HOME = "\ue014", "\ue011"


class Browser:
    """A headless Chromium, driven by chromedriver over HTTP; it may reach nothing but files."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([DRIVER, f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}",
                     "--proxy-server=127.0.0.1:9", "--window-size=1000,1400"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
                  "goog:loggingPrefs": {"browser": "ALL"}}
        self.at = ""
        for _ in range(100):
            try:
                self.at = "/session/" + self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        raise RuntimeError("the driver does not answer")

    def ask(self, method, path, content=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=json.dumps(content or {}).encode()
                                         if method == "POST" else None, headers={"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def run(self, script, *arguments):
        return self.ask("POST", self.at + "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, slider, keys):
        element = self.ask("POST", self.at + "/element", {"using": "css selector", "value": slider})
        self.ask("POST", f"{self.at}/element/{next(iter(element.values()))}/value", {"text": keys})

    def close(self):
        try:
            self.ask("DELETE", self.at)
        finally:
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


def text_of(page):
    """What a page says, without its tags and without white space."""
    text = re.sub(r"<[^>]+>", "", page).replace("&nbsp;", " ").replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", ["lstm", "rda-sigmoid-id"])
def test_sliders_show_the_numbers_that_python_shows(browser, tmp_path, name):
    rng = np.random.default_rng(0)
    cell = minirnn.make_cell(name, 3, 3, dtype="float64")
    cell.params.flat[...] += rng.normal(0, 0.3, cell.n_params)
    step = minirnn.step_through(cell, rng.normal(size=(4, 3, 2)), t=0)
    step.save_html(tmp_path / "page.html")
    browser.ask("POST", browser.at + "/url", {"url": (tmp_path / "page.html").as_uri()})
    shown = lambda: re.sub(r"\s+", "", browser.run("return document.getElementById('mr-page').textContent"))
    assert shown() == text_of(Page(step).filled())
    browser.press("#mr-t", RIGHT * 2)                           # by the keyboard, as somebody without a mouse would
    browser.press("#mr-unit", RIGHT)
    assert shown() == text_of(Page(step.at(2, 1, 0)).filled())
    assert browser.run("return ['t', 'unit', 'example'].map(n => document.getElementById('mr-' + n + '-now').textContent)") == [
        "2", "1", "0"]
    browser.run("var s = document.getElementById('mr-example'); s.value = 1; s.dispatchEvent(new Event('input'))")
    assert shown() == text_of(Page(step.at(2, 1, 1)).filled())
    assert browser.run("return location.hash") == "#t=2&unit=1&example=1"
    for t in range(4):                                          # every page, by its address
        for unit in range(3):
            browser.run("location.hash = arguments[0]; window.dispatchEvent(new Event('hashchange'))",
                        f"#t={t}&unit={unit}&example=0")
            assert shown() == text_of(Page(step.at(t, unit, 0)).filled())
    for width in (1000, 1400):
        browser.ask("POST", browser.at + "/window/rect", {"width": width, "height": 1500})
        wide = browser.run("return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], "the page is wider than its window"
        if os.environ.get("MINIRNN_SHOTS"):
            shot = browser.ask("GET", browser.at + "/screenshot")
            (Path(os.environ["MINIRNN_SHOTS"]) / f"{name}-{width}.png").write_bytes(base64.b64decode(shot))
    severe = [entry for entry in browser.ask("POST", browser.at + "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]
    assert not severe, severe
    assert browser.run("return performance.getEntriesByType('resource').length") == 0, "nothing is loaded from anywhere"
