"""Commands that serve metrics, and what tests ask of them."""
import json
import re
import urllib.request

from command import PATIENCE_S, LogTest, Running


class Serving(Running):
    """A command that serves metrics; `url` is where, as it says on standard error."""

    def _hear_errors(self) -> None:
        for line in self.process.stderr:
            with self.heard:
                self.stderr += line.decode()
                self.heard.notify_all()

    @property
    def url(self) -> str:
        with self.heard:
            where = lambda: re.search(r"a page at (http://\S+:\d+)/", self.stderr)
            if not self.heard.wait_for(where, PATIENCE_S):
                raise AssertionError(f"it never said where it is: {self.stderr}")
            return where()[1]


class MetricsTest(LogTest):
    def serve(self, *arguments: str) -> Serving:
        serving = Serving(*arguments)
        self.addCleanup(serving.end)
        self.addCleanup(serving.process.kill)
        return serving

    def get(self, url: str) -> str:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def seen(self, url: str) -> dict:
        """The log's state from outside, once there is one."""
        while True:
            logs = json.loads(self.get(url + "/state"))["logs"]
            if logs and logs[0]["state"]["inspections"] > 0:
                return logs[0]["state"]
