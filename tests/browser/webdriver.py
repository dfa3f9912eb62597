"""A browser that is told what to do: chromedriver speaks JSON over HTTP (W3C WebDriver), and urllib speaks it, too."""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"                 # the standard's key of an element's reference
KEYS = {"right": "\ue014", "left": "\ue012", "home": "\ue011", "end": "\ue010"}


def programs():
    """(browser, driver), or None where one of them is not installed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(condition, seconds, what):
    """The first true value of condition(); TimeoutError, which says what was waited for, after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds} seconds")
        time.sleep(0.3)


class Browser:
    """A headless Chromium. Use it in a `with`."""

    def __init__(self, width=1400, height=1000, offline=False):
        browser, driver = programs()
        self.address = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen([driver, f"--port={self.address.rpartition(':')[2]}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(self._ready, 30, "chromedriver")
        arguments = ["--headless=new", f"--window-size={width},{height}", "--disable-gpu", "--disable-dev-shm-usage"]
        arguments += ["--no-sandbox"] * (hasattr(os, "geteuid") and os.geteuid() == 0)
        arguments += ["--host-resolver-rules=MAP * ~NOTFOUND"] * offline
        options = {"binary": browser, "args": arguments}
        logged = {"goog:loggingPrefs": {"browser": "ALL"}}
        self.session = ""
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, **logged}}})
        self.session = f"/session/{found['sessionId']}"
        self._call("POST", f"{self.session}/timeouts", {"script": 300_000, "pageLoad": 300_000})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self._call("DELETE", self.session)
        finally:
            self.process.terminate()
            self.process.wait(10)

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.address}/status", timeout=5) as answer:
                return json.load(answer)["value"]["ready"]
        except OSError:
            return False

    def _call(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=330) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, address):
        self._call("POST", f"{self.session}/url", {"url": address})

    def run(self, script, *arguments):
        """The value that a piece of JavaScript returns; a promise is waited for."""
        return self._call("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        """The elements that a CSS selector finds."""
        return self._call("POST", f"{self.session}/elements", {"using": "css selector", "value": selector})

    def press(self, element, key):
        """A key, with the element in focus."""
        self._call("POST", f"{self.session}/element/{element[ELEMENT]}/value", {"text": KEYS.get(key, key)})

    def resize(self, width, height):
        self._call("POST", f"{self.session}/window/rect", {"width": width, "height": height})

    def picture(self, path):
        """A screenshot (PNG)."""
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._call("GET", f"{self.session}/screenshot")))

    def complaints(self):
        """What the page has logged as an error."""
        entries = self._call("POST", f"{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
