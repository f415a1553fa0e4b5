"""Headless Chromium, told what to do through the DevTools protocol. In real time: nothing in a page is hurried."""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium")
# Nothing may leave this machine, whatever a browser would like to look up.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-quic",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--remote-debugging-pipe"]


class Browser:
    """One page. `complaints` has what it wrote to its console as warnings or errors, and what it was refused."""

    def __init__(self, width: int, height: int, patience_s: float = 60):
        self.patience_s = patience_s
        self.complaints: list[str] = []
        self.profile = tempfile.mkdtemp(prefix="varve-browser.")
        its_in, our_out = os.pipe()
        our_in, its_out = os.pipe()
        # It reads from 3 and writes to 4, messages that end with a zero.
        start = f'exec "$0" "$@" 3<&{its_in} 4>&{its_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", start, CHROMIUM, *FLAGS, f"--user-data-dir={self.profile}", f"--window-size={width},{height}"],
            pass_fds=(its_in, its_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(its_in)
        os.close(its_out)
        self.to_it, self.from_it = os.fdopen(our_out, "wb", 0), os.fdopen(our_in, "rb", 0)
        self.unread = b""
        self.asked = 0
        self.session = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.to_it.close()
        self.from_it.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _message(self) -> dict:
        while b"\0" not in self.unread:
            more = self.from_it.read(1 << 20)
            if not more:
                raise AssertionError("the browser has ended")
            self.unread += more
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def _ask(self, method: str, **parameters: object) -> dict:
        self.asked += 1
        request = {"id": self.asked, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        self.to_it.write(json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            self._hear(message)
            if message.get("id") == self.asked:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def _hear(self, event: dict) -> None:
        told = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        if event.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(str(told["args"]))
        if event.get("method") == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def look_at(self, html: str) -> None:
        """Shows a page that is served by nobody, and so is under nobody's rules."""
        self.open("about:blank")
        self.wait_for('location.href === "about:blank"')
        frame = self._ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._ask("Page.setDocumentContent", frameId=frame, html=html)

    def wait_for(self, condition: str) -> None:
        """Until this JavaScript is true. Each question waits for the page's next frame, so it is no busy loop."""
        give_up = time.monotonic() + self.patience_s
        asking = f"new Promise(done => setTimeout(() => done(Boolean({condition})), 50))"
        while not self.value(asking):
            if time.monotonic() > give_up:
                raise AssertionError(f"never true: {condition}\n{self.value('document.body.outerHTML')}")

    def value(self, expression: str) -> object:
        done = self._ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            # Between two pages there is none to ask.
            return None
        return done["result"].get("value")

    def picture(self, path: Path, of: str = "html") -> None:
        """Of all of an element, the window's edge or not."""
        box = self.value(f'document.querySelector("{of}").getBoundingClientRect().toJSON()')
        clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"], "scale": 1}
        taken = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))
