"""A mirror between two S3 servers, for cli/crash_test: it runs while the rounds kill writers, and is killed as they are.

What must hold of the copy at any moment: it is a sound log, and its records are those of the source, from its own start to its
own end, byte for byte. Once it was let end: all of the source's records, and objects that are the same bytes. When it is promoted,
the source sealed: nothing that was acknowledged is missing, and whoever still writes to the source is fenced.
"""
import contextlib
import json
import os
import random
import signal
import struct
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree
from collections.abc import Iterator

from promises import demand

PATIENCE_S = 120


def split_records(framed: bytes) -> list[bytes]:
    """The records of `cat --framing length`, each with its length in front."""
    records, at = [], 0
    while at < len(framed):
        end = at + 4 + struct.unpack_from("<I", framed, at)[0]
        records.append(framed[at:end])
        at = end
    return records


class KilledMirror:
    """Of a log at `source`, at `copy`; `promote` exchanges the two."""

    def __init__(self, varve: str, rng: random.Random):
        self.varve, self.rng = varve, rng
        self.kills = self.promotions = self.copies_compared = 0

    def begin(self, source: str, copy: str) -> None:
        self.source, self.copy = source, copy
        self.attach = False  # the copy is an old source, not a mirror yet
        self.began = False

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run([self.varve, *arguments], capture_output=True, timeout=PATIENCE_S, check=False)
        if ok:
            demand(done.returncode == 0, f"varve {' '.join(arguments)} exits with {done.returncode}: {done.stderr.decode()}")
        return done

    def mirror_command(self, *options: str) -> list[str]:
        return [self.varve, "mirror", self.source, self.copy, *(["--attach"] if self.attach else []), *options]

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Meanwhile it follows; it is killed at a random moment, and sometimes a second one with it, or it is told to end."""
        process = subprocess.Popen(self.mirror_command("--follow"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if self.rng.random() < 0.3:
            time.sleep(self.rng.random() * 0.3)
            process = self.replace(process)
        try:
            yield
        finally:
            time.sleep(self.rng.choice([0, 0.02, 0.2]) * self.rng.random())
            self.end(process, signal.SIGKILL if self.rng.random() < 0.8 else signal.SIGINT)

    def replace(self, process: subprocess.Popen) -> subprocess.Popen:
        self.end(process, signal.SIGKILL)
        return subprocess.Popen(self.mirror_command("--follow"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def end(self, process: subprocess.Popen, how: signal.Signals) -> None:
        process.send_signal(how)
        stderr = process.communicate(timeout=PATIENCE_S)[1]
        demand(process.returncode in (0, -signal.SIGKILL, -signal.SIGINT),
               f"the mirror ends with {process.returncode}: {stderr.decode()}")
        self.kills += process.returncode == -signal.SIGKILL
        self.began = True

    def finish(self, frames: list[bytes], start: int) -> None:
        """Let end, before a log is left: then all is there."""
        if self.began:
            self.check(frames, start, complete=True)

    def check(self, frames: list[bytes], start: int, complete: bool = False) -> str:
        """`frames`: the source's records by offset, of which those below `start` were trimmed and are not known any more."""
        if not self.began or self.attach:
            return ""
        complete = complete or self.rng.random() < 0.4
        if complete:
            self.run(*self.mirror_command()[1:])
            self.compare_objects()
        info = self.run("info", self.copy, "--json", ok=False)
        if info.returncode != 0:
            demand(info.returncode == 1 and not complete, f"info of the copy: {info.stderr.decode()}")
            return "; no copy yet"
        copied = split_records(self.run("cat", self.copy, "--framing", "length").stdout)
        state = json.loads(info.stdout)
        copy_start, copy_end = state["start_offset"], state["start_offset"] + len(copied)
        demand(copy_end <= len(frames) and copy_start <= start, f"the copy has {copy_start} to {copy_end} of {start} to {len(frames)}")
        for offset in range(start, copy_end):
            demand(copied[offset - copy_start] == frames[offset], f"the copy differs at offset {offset}")
        self.run("verify", self.copy)
        demand(not complete or (copy_start, copy_end) == (start, len(frames)),
               f"the mirror ended, and the copy has {copy_start} to {copy_end} of {start} to {len(frames)}")
        return f"; copied {copy_start} to {copy_end}"

    def compare_objects(self) -> None:
        """An S3 server's listing has the MD5 of each object's bytes."""
        ours, theirs = objects_below(self.copy), objects_below(self.source)
        differing = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
        demand(not differing, f"objects that are not the same bytes at both places: {differing[:10]}")
        demand(bool(ours), "the copy has no objects")
        self.copies_compared += 1

    def promote(self) -> None:
        """Killed some times on its way. Then the copy is the log, and the old source is to become its mirror."""
        command = [self.varve, "promote", self.copy, "--seal", self.source]
        for _ in range(self.rng.randrange(3)):
            promotion = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(self.rng.random() * self.rng.choice([0.02, 0.1, 0.3]))
            promotion.kill()
            promotion.communicate(timeout=PATIENCE_S)
            self.kills += promotion.returncode == -signal.SIGKILL
        self.run(*command[1:])
        self.promotions += 1
        self.source, self.copy = self.copy, self.source
        self.attach = True

    def attach_old_source(self) -> None:
        self.run(*self.mirror_command()[1:])
        self.attach = False


def objects_below(log: str) -> dict[str, str]:
    """Of the log's objects of records: names, and what the server says is the MD5 of their bytes."""
    place = urllib.parse.urlsplit(log)
    endpoint = dict(urllib.parse.parse_qsl(place.query))["endpoint"]
    prefix, found, after = place.path.lstrip("/") + "/wal/", {}, ""
    while True:
        query = urllib.parse.urlencode({"list-type": "2", "prefix": prefix, "start-after": after}, quote_via=urllib.parse.quote)
        done = subprocess.run(
            ["curl", "--silent", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{os.environ['AWS_ACCESS_KEY_ID']}:{os.environ['AWS_SECRET_ACCESS_KEY']}",
             "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", f"{endpoint}/{place.netloc}?{query}"],
            capture_output=True, timeout=PATIENCE_S, check=True)
        page = xml.etree.ElementTree.fromstring(done.stdout)
        space = page.tag.partition("}")[0] + "}"
        keys = [(each.findtext(f"{space}Key"), each.findtext(f"{space}ETag")) for each in page.iter(f"{space}Contents")]
        found.update({key.removeprefix(prefix): tag for key, tag in keys})
        if page.findtext(f"{space}IsTruncated") != "true":
            return found
        after = keys[-1][0]
