"""One build of `varve bench` beside an older one: is a row worse? For `tools/bench --against BINARY`.

The two take turns, and the older build runs twice in each turn: what its two runs differ by is what this machine makes
of one and the same program. A row is worse when the median of its ratios is beyond 5 %, and beyond what the older
build's medians against itself come to.
"""
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

ALLOWED = 0.05
S3 = "mem://bench?put=100ms,195ms,274ms&get=30ms,60ms,100ms"
NEAR = ("--store", "mem://bench", "--buffered-bytes", "64MiB", "--bytes", "3500MiB", "--seconds", "1")
FILES = "file://DIRECTORY"  # a scratch directory of the run's own


@dataclass
class Row:
    what: str
    command: tuple[str, ...]  # behind `varve bench`
    figure: str
    most: bool = False  # the smaller, the better
    inside: str = ""  # the figure is in the first element of this list

    def measured(self, varve: str, directory: str) -> float:
        with tempfile.TemporaryDirectory(prefix="varve-bench-", dir=directory) as scratch:
            options = [option.replace("DIRECTORY", scratch) for option in self.command]
            done = subprocess.run([varve, "bench", *options, "--rounds", "1", "--json"], capture_output=True, text=True,
                                  check=False)
        if done.returncode:
            raise RuntimeError(f"{varve} bench {' '.join(options)}: {done.stderr.strip()[-300:]}")
        figures = json.loads(done.stdout)
        return (figures[self.inside][0] if self.inside else figures)[self.figure]


def flat_out(record_bytes: str, producers: str, *options: str) -> tuple[str, ...]:
    return ("append", *NEAR, "--record-bytes", record_bytes, "--producers", producers, *options)


FAR = ("append", "--store", S3, "--bytes", "3500MiB", "--buffered-bytes", "1GiB", "--seconds", "3")
FULL_BATCHES = ("append", "--store", S3, "--record-bytes", "8KiB", "--linger-ms", "1000",
                "--bytes", "2GiB", "--seconds", "10")
LIGHT_FILES = ("append", "--store", FILES, "--records-per-second", "100", "--seconds", "3")
LIGHT = ("append", "--store", S3, "--records-per-second", "100", "--seconds", "5")
FULL_FILES = ("append", "--store", FILES, "--record-bytes", "4KiB", "--producers", "2", "--buffered-bytes", "128MiB",
              "--seconds", "2", "--bytes", "1GiB")
READ = ("recover", "--store", "mem://bench", "--bytes", "1GiB", "--seconds", "10", "--record-bytes")
TAIL = ("tail", "--store", "mem://bench", "--seconds", "2")

ROWS = [
    Row("100 B records, 1 producer: cost of `append`", flat_out("100", "1"), "append_ns", most=True),
    Row("100 B records, 2 producers: records/s", flat_out("100", "2"), "records_per_second"),
    Row("batches of 16: records/s", flat_out("100", "2", "--batch", "16"), "records_per_second"),
    Row("4 KiB records, 2 producers: bytes/s", flat_out("4KiB", "2"), "bytes_per_second"),
    Row("4 KiB records, 2 producers: CPU a GiB", flat_out("4KiB", "2"), "cpu_seconds_per_gib", most=True),
    Row("4 KiB records, zstd: bytes/s", flat_out("4KiB", "2", "--compression", "zstd"), "bytes_per_second"),
    Row("S3's latencies, flat out: bytes/s", FAR, "bytes_per_second"),
    Row("S3's latencies, 100 records/s: ack p50", LIGHT, "ack_p50_us", most=True),
    Row("S3's latencies, 100 records/s: behind the order, p99", LIGHT, "behind_bound_p99_us", most=True),
    Row("local files, 4 KiB records: bytes/s", FULL_FILES, "bytes_per_second"),
    Row("local files, 100 records/s: ack p50", LIGHT_FILES, "ack_p50_us", most=True),
    Row("8 MiB batches: PUTs a GiB", FULL_BATCHES, "puts_per_gib", most=True),
    Row("reading, 100 B records: bytes/s", (*READ, "100"), "bytes_per_second"),
    Row("reading, 4 KiB records: bytes/s", (*READ, "4KiB"), "bytes_per_second"),
    Row("following in the writer's process: p50", TAIL, "ack_to_read_p50_us", most=True),
    Row("following by polling: p50", (*TAIL, "--by-polling", "--poll-ms", "10"), "ack_to_read_p50_us", most=True),
    Row("opening a log of 10,000 objects: time", ("open", "--store", "mem://bench", "--objects", "10000"),
        "open_seconds_median", most=True, inside="logs"),
    Row("opening a log of 10,000 objects: round trips", ("open", "--store", "mem://bench?get=1ms,1ms,1ms", "--objects",
                                                         "10000"), "round_trips", most=True, inside="logs"),
    Row("mirroring: bytes/s", ("mirror", "--store", "mem://bench", "--bytes", "512MiB", "--seconds", "5"),
        "bytes_per_second"),
    Row("memory while flat out on files", FULL_FILES, "peak_memory_bytes", most=True),
]


def medians_of_itself(ratios: list[float]) -> float:
    """How far from 1 a median of as many of these goes in 1 of 40 draws: each may have come out the other way round."""
    draw = random.Random(1)
    logs = [math.log(each) for each in ratios]
    drawn = ([draw.choice((-1, 1)) * draw.choice(logs) for _ in logs] for _ in range(2000))
    medians = sorted(abs(statistics.median(each)) for each in drawn)
    return math.exp(medians[-len(medians) // 40]) - 1


def judged(ratios: list[float], itself: list[float]) -> tuple[float, float, bool]:
    """The median, what the older build shows against itself, and: worse? A ratio above 1 is better."""
    median, noise = statistics.median(ratios), medians_of_itself(itself)
    return median, noise, 1 / median - 1 > max(ALLOWED, noise)


def turn(row: Row, at: int, new: str, old: str, directory: str) -> tuple[float, float]:
    """The new build against the older one, and that against itself; who begins changes from turn to turn."""
    order = [("new", new), ("old", old), ("old", old)]
    order = order[at % 3:] + order[:at % 3]
    figures = [(build, max(row.measured(varve, directory), 1e-9)) for build, varve in order]
    of_new = next(figure for build, figure in figures if build == "new")
    first, second = (figure for build, figure in figures if build == "old")
    ratio = of_new / math.sqrt(first * second)
    return (1 / ratio if row.most else ratio), second / first


def compare(new: str, old: str, directory: str, only: str, turns: int) -> int:
    """Prints the table; returns how many rows are worse."""
    print("| what | new against old | old against itself | |\n|---|---:|---:|---|", flush=True)
    worse = 0
    for row in ROWS:
        if only.lower() not in row.what.lower():
            continue
        pairs = [turn(row, at, new, old, directory) for at in range(-1, turns)][1:]  # the first warms up
        median, noise, is_worse = judged([of_new for of_new, _ in pairs], [itself for _, itself in pairs])
        worse += is_worse
        print(f"| {row.what} | {median:.2f} × | ± {noise:.0%} | {'**worse**' if is_worse else ''} |", flush=True)
    print(f"{worse} worse; above 1 is better; {turns} turns", flush=True)
    return worse


def self_test() -> None:
    steady, wild = [1.01, 0.99, 1.0, 1.02, 0.98], [1.6, 0.7, 1.4, 0.6, 1.0]
    assert judged([0.9] * 5, steady)[2], "a tenth slower, on a steady machine"
    assert not judged([0.97] * 5, steady)[2], "within what is allowed"
    assert not judged([0.9] * 5, wild)[2], "no more than the machine makes of one program"
    assert judged([0.4] * 5, wild)[2], "more than that"
    assert not judged([1.5] * 5, steady)[2], "faster"


if __name__ == "__main__":
    self_test()
    sys.exit(0)
