"""The command under test, and a log of one's own for each test."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

VARVE = os.environ["VARVE"]
PATIENCE_S = 60  # for anything; only a failing test waits that long

FINE, FAILURE, USAGE, FENCED, CORRUPTION, UNAVAILABLE, OUT_OF_RANGE = range(7)


class Running:
    """A command that goes on while the test does. Its output is read line by line as it comes."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen([VARVE, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.lines: list[str] = []
        self.stderr = ""
        self.heard = threading.Condition()
        self.threads = [threading.Thread(target=self._listen), threading.Thread(target=self._hear_errors)]
        for thread in self.threads:
            thread.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            with self.heard:
                self.lines.append(line.decode())
                self.heard.notify_all()

    def _hear_errors(self) -> None:
        self.stderr = self.process.stderr.read().decode()

    def say(self, text: str) -> None:
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, line: str) -> None:
        with self.heard:
            if not self.heard.wait_for(lambda: line in self.lines, PATIENCE_S):
                raise AssertionError(f"{line!r} never came; there came {self.lines}")

    def interrupt(self, with_signal: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(with_signal)

    def end(self) -> int:
        """Its exit code, once all its output has been read. Leaves its input open for as long."""
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for thread in self.threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        return code


class LogTest(unittest.TestCase):
    """Each test has a directory, and the name of a log in it that does not exist yet."""

    def setUp(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="varve-test."))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.log = self.name_of_log()

    def name_of_log(self) -> str:
        return f"file://{self.directory}/log"

    def varve(self, *arguments: str, input: str | bytes = b"", exits: int = FINE, user: int | None = None) -> str:
        """Runs the command, checks its exit code, and returns its output. `self.stderr` has the rest."""
        out = self.varve_bytes(*arguments, input=input, exits=exits, user=user)
        return out.decode()

    def varve_bytes(self, *arguments: str, input: str | bytes = b"", exits: int = FINE,
                    user: int | None = None) -> bytes:
        done = subprocess.run([VARVE, *arguments], input=input.encode() if isinstance(input, str) else input,
                              capture_output=True, timeout=PATIENCE_S, check=False, user=user)
        self.stderr = done.stderr.decode()
        self.assertEqual(done.returncode, exits, f"varve {' '.join(arguments)}: {self.stderr}{done.stdout[-500:]!r}")
        if exits not in (FINE, CORRUPTION):
            self.assertRegex(self.stderr, r"(^|\n)varve: ", "an error has one line that begins with 'varve: '")
        return done.stdout

    def start(self, *arguments: str) -> Running:
        running = Running(*arguments)
        self.addCleanup(running.process.kill)
        return running

    def append(self, *lines: str) -> None:
        self.varve("append", self.log, input="".join(f"{line}\n" for line in lines))

    def info(self) -> dict:
        return json.loads(self.varve("info", self.log, "--json"))

    def objects(self) -> list[Path]:
        return sorted((self.directory / "log" / "wal").iterdir())
