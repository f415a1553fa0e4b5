"""The run book (docs/operations.md), rehearsed: its commands, as they stand there, in the trouble they are for."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from command import CORRUPTION, FENCED, FINE, PATIENCE_S, UNAVAILABLE, VARVE, LogTest, Running

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
NOBODY = 65534


def entries() -> dict[str, list[list[str]]]:
    """By heading: its blocks of commands."""
    found: dict[str, list[list[str]]] = {}
    heading, block = "", None
    for line in PAGE.splitlines():
        if block is not None:
            if line == "```":
                found.setdefault(heading, []).append(block)
                block = None
            else:
                block.append(line)
        elif line == "```sh":
            block = []
        elif match := re.match(r"##+ (.*)", line):
            heading = match[1]
    return found


ENTRIES = entries()
rehearsed: set[tuple[str, int]] = {("unavailable", 0)}  # that one by on_s3_test.py, which can take a store away


def tearDownModule() -> None:
    if len(sys.argv) > 1:
        return  # some tests only
    missing = {(heading, i) for heading, blocks in ENTRIES.items() for i in range(len(blocks))} - rehearsed
    if missing:
        raise AssertionError(f"docs/operations.md has commands that no test rehearses: {sorted(missing)}")


class Entry(LogTest):
    def setUp(self) -> None:
        super().setUp()
        self.home = self.directory / "log"  # where the log's files are

    def follow(self, heading: str, block: int = 0, user: int | None = None, **variables: object) -> list[str]:
        """Types the commands of that block; what each printed."""
        rehearsed.add((heading, block))
        environment = {"PATH": f"{Path(VARVE).parent}:{os.environ['PATH']}", "LOG": self.log,
                       "DIRECTORY": str(self.home),
                       **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
                       **{name: str(value) for name, value in variables.items()}}
        printed = []
        for line in ENTRIES[heading][block]:
            command, _, exits = line.partition(" # exits ")
            done = subprocess.run(["bash", "-uc", command], env=environment, capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False, user=user)
            self.assertEqual(done.returncode, int(exits or FINE), f"{line}\n{done.stdout}{done.stderr}")
            printed.append(done.stdout + done.stderr)
        return printed

    def close(self, writer: Running) -> None:
        writer.process.stdin.close()
        self.assertEqual(writer.end(), FINE)

    def append_hundreds(self, times: int) -> list[Path]:
        """100 records at a time; the objects that hold them."""
        for i in range(times):
            self.append(*(f"record {i * 100 + n}" for n in range(100)))
        return [path for path in self.objects() if path.stat().st_size > 1000]


class Ownership(Entry):
    def test_fenced(self):
        first = self.start("append", self.log, "--acks")
        first.say("one\n")
        first.wait_for("durable 1\n")
        second = self.start("append", self.log, "--acks")
        second.say("two\n")
        second.wait_for("durable 2\n")
        first.say("three\n")
        self.assertEqual(first.end(), FENCED)
        self.assertIn(f"{os.uname().nodename}:{second.process.pid}", self.follow("fenced")[0])
        second.say("four\n")  # a look disturbs nobody
        second.wait_for("durable 3\n")
        self.close(second)

    def test_a_writer_that_hangs_is_replaced_and_told_when_it_wakes(self):
        writer = self.start("append", self.log, "--acks")
        writer.say("one\n")
        writer.wait_for("durable 1\n")
        writer.interrupt(signal.SIGSTOP)
        self.follow("Taking over by hand")
        writer.interrupt(signal.SIGCONT)
        writer.say("two\n")
        self.assertEqual(writer.end(), FENCED)
        self.assertEqual(self.varve("cat", self.log), "one\n")


    def test_a_mirror_is_promoted(self):
        copy = f"{self.log}-copy"
        self.append("one")
        self.varve("mirror", self.log, copy)
        self.append("two")
        printed = self.follow("Promoting a mirror", 0, COPY=copy)
        self.assertIn("mirrored up to offset 1", printed[0])
        self.assertIn("all of it is here", printed[1])
        self.follow("Promoting a mirror", 1, COPY=copy)
        self.assertEqual(self.varve("cat", self.log), "one\ntwo\n")

    def test_a_mirror_is_promoted_without_its_source(self):
        copy = f"{self.log}-copy"
        self.append("one", "two")
        self.varve("mirror", self.log, copy)
        self.append("three")
        refused = self.follow("Promoting a mirror", 2, COPY=copy, END=2)[0]
        self.assertIn("--accept-loss-after 2", refused)
        self.varve("append", copy, input="four\n")
        self.assertEqual(self.varve("cat", copy), "one\ntwo\nfour\n")

    def test_the_first_of_two_stores_is_lost(self):
        copy = f"{self.log}-copy"
        self.varve("append", self.log, "--standby", copy, input="one\ntwo\n")
        printed = self.follow("Losing the first store of a writer with a standby", 0, COPY=copy, END=2)
        self.assertIn("--accept-loss-after 2", printed[1])
        self.assertEqual(self.varve("cat", copy), "one\ntwo\n")


class TheStore(Entry):
    def test_unavailable(self):
        self.append("one")
        self.follow("unavailable", 1, STORE=f"file://{self.directory}")

    def test_denied(self):
        if os.geteuid() != 0:
            self.skipTest("only root can run the command as somebody else")
        self.append("one")
        os.chmod(self.directory, 0o700)
        self.assertIn("ermission", self.follow("denied", user=NOBODY)[0])

    def test_no_space(self):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.directory],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("NOT TESTED: a full disk; a small file system cannot be mounted here")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.directory], check=True)
        records = "".join(f"{n:0999}\n" for n in range(8000))
        ballast = self.directory / "ballast"
        ballast.write_bytes(bytes(64 << 10))
        self.varve("append", self.log, "--batch-bytes", "256KiB", "--give-up-ms", "300ms", input=records,
                   exits=UNAVAILABLE)
        end = self.info()["end_offset"]
        ballast.unlink()  # the last batch that fitted may have left no room for a trim's small object
        self.follow("no_space", OFFSET=end // 2)
        self.append("goes on")
        self.assertEqual(self.varve("cat", self.log, "--tail", "1"), "goes on\n")


class Offsets(Entry):
    def test_out_of_range(self):
        self.append_hundreds(1)
        self.varve("trim", self.log, "--before", "40")
        refused, info, rest = self.follow("out_of_range")
        self.assertIn("holds 40 up to, but not including, 100", refused)
        self.assertEqual(json.loads(info)["start_offset"], 40)
        self.assertEqual(rest.splitlines(), [f"record {n}" for n in range(40, 100)])

    def test_not_found(self):
        self.append("one")
        self.follow("not_found")
        self.assertEqual([path.name for path in self.directory.iterdir() if path.name.startswith("log")], ["log"])

    def test_a_cursor_whose_owner_never_returns(self):
        self.append("one", "two")
        self.varve("cursor", self.log, "set", "gone", "1")
        listed, _ = self.follow("A cursor whose owner never returns", CURSOR="gone")
        self.assertRegex(listed, r"gone\s+offset 1, moved 20")
        self.assertEqual(self.varve("cursor", self.log, "list"), "")

    def test_a_cursor_that_cannot_be_used(self):
        self.append("one", "two", "three")
        self.varve("cursor", self.log, "set", "billing", "2")
        next((self.directory / "log" / "cursors" / "billing").iterdir()).write_bytes(b"?")
        listed, *_ = self.follow("A cursor that cannot be used", CURSOR="billing", OFFSET=1)
        self.assertIn("cannot be read", listed)
        self.assertEqual(self.varve("cat", self.log, "--cursor", "billing"), "two\nthree\n")


class Damage(Entry):
    HEADING = "corruption: an object is damaged or missing"

    def setUp(self) -> None:
        super().setUp()
        self.data = self.append_hundreds(4)
        self.victim = self.data[1]
        self.backup = self.directory / "backup"
        shutil.copytree(self.home, self.backup)

    def look(self) -> None:
        verified, dumped = self.follow(self.HEADING, 0, SEQ=int(self.victim.name))
        self.assertIn(self.victim.name, verified)
        self.assertIn("damage", dumped.lower())

    def test_put_back(self):
        content = bytearray(self.victim.read_bytes())
        content[700] ^= 1
        self.victim.write_bytes(content)
        self.look()
        self.follow(self.HEADING, 1, BACKUP=self.backup, OBJECT=self.victim.name)
        self.assertEqual(len(self.varve("cat", self.log).splitlines()), 400)

    def test_gone_for_good(self):
        self.victim.unlink()
        verified = self.varve("verify", self.log, exits=CORRUPTION)
        # Whose input comes slowly puts the first of it into an object of its own.
        behind = re.search(r"lost are offsets \d+ up to, but not including, (\d+)", verified)[1]
        read, _, _ = self.follow(self.HEADING, 2, BEHIND=behind)
        self.assertEqual(read.splitlines(), [f"record {n}" for n in range(int(behind), 400)])

    def test_lost_and_not_new(self):
        for each in self.objects():
            each.unlink()
        self.follow("corruption: the log is lost, not new")
        self.assertEqual(self.info()["end_offset"], 0)

    def test_the_end_is_lost(self):
        self.objects()[-1].unlink()  # the closing one; before it the last records'
        self.objects()[-1].unlink()
        end = json.loads(self.varve("info", self.log, "--json", exits=CORRUPTION))["end_offset"]
        self.assertLess(end, 400)
        self.follow("corruption: the end of the log is lost", END=end)
        self.assertEqual(self.info()["end_offset"], end)

    def test_a_stranger(self):
        (self.home / "wal" / "README.txt").write_text("not an object\n")
        verified, *_ = self.follow("Strangers among the log's objects", STRANGER="README.txt",
                                   ELSEWHERE=self.directory / "elsewhere")
        self.assertIn("README.txt", verified)
        self.assertEqual((self.directory / "elsewhere").read_text(), "not an object\n")

    def test_unsupported(self):
        content = bytearray(self.data[0].read_bytes())
        content[8:10] = (2).to_bytes(2, "little")
        content[252:256] = crc32c(content[:252]).to_bytes(4, "little")
        self.data[0].write_bytes(content)
        said, _ = self.follow("unsupported")
        self.assertIn("version 2", said)

    def test_a_damaged_checkpoint(self):
        (self.home / "checkpoint").write_bytes(b"garbage")
        before, _, after = self.follow("A damaged checkpoint")
        self.assertIn("checkpoint", before)
        self.assertNotIn("checkpoint", after)


class AfterACrash(Entry):
    def test_an_unfinished_tail(self):
        self.append_hundreds(1)
        writer = self.start("append", self.log, "--acks")
        writer.say("durable\n")
        writer.wait_for("durable 101\n")
        writer.interrupt(signal.SIGKILL)
        writer.end()
        # As if its next upload had been under way, and the one after it had landed.
        newest = self.objects()[-1]
        newest.rename(newest.with_name(f"{int(newest.name) + 1:020}"))
        before, _, _ = self.follow("An unfinished tail")
        self.assertRegex(before, r"cut\s+1 object")
        self.assertEqual(self.info()["truncated_objects"], 0)

    def test_leftovers_of_a_trim(self):
        self.append_hundreds(3)
        copy = self.directory / "copy"
        shutil.copytree(self.home, copy)
        self.varve("trim", self.log, "--before", "250")
        shutil.copytree(copy / "wal", self.home / "wal", dirs_exist_ok=True)
        self.assertGreater(self.info()["garbage_objects"], 0)
        _, after = self.follow("Garbage of a trim")
        self.assertEqual(json.loads(after)["garbage_objects"], 0)
        self.varve("verify", self.log)


class Backup(Entry):
    def test_beside_a_writer_twice_and_restored_under_another_name(self):
        backup = self.directory / "backup"
        restored = self.directory / "restored"
        writer = self.start("append", self.log, "--acks")
        writer.say("one\n")
        writer.wait_for("durable 1\n")
        self.follow("Backup", 0, BACKUP=backup)
        writer.say("two\n")
        writer.wait_for("durable 2\n")
        self.follow("Backup", 0, BACKUP=backup)
        self.follow("Backup", 1, BACKUP=backup, RESTORED=restored)
        self.assertEqual(self.varve("cat", f"file://{restored}"), "one\ntwo\n")
        writer.say("three\n")  # neither the copy nor its opening disturbs the original
        writer.wait_for("durable 3\n")
        self.close(writer)


class ThePage(unittest.TestCase):
    def test_every_code_has_an_entry(self):
        codes = re.search(r"enum class Code[^{]*{(.*?)};", (ROOT / "include/varve/result.h").read_text(), re.S)[1]
        for code in re.findall(r"^\s+(\w+),", codes, re.M):
            self.assertRegex(PAGE, rf"(?m)^(### {code}\b|\| `{code}` \|)", f"{code} is not in docs/operations.md")

    def test_every_event_has_an_entry(self):
        kinds = re.search(r"enum class EventKind[^{]*{(.*?)};", (ROOT / "include/varve/event.h").read_text(), re.S)[1]
        for kind in re.findall(r"^\s+(\w+),", kinds, re.M):
            self.assertRegex(PAGE, rf"(?m)^\| `{kind}` \|", f"{kind} is not in docs/operations.md")

    def test_every_number_has_an_entry(self):
        header = (ROOT / "include/varve/metrics.h").read_text()
        for struct in ("WriterMetrics", "ReaderMetrics", "PointReaderMetrics", "StoreMetrics", "RequestMetrics"):
            fields = re.search(rf"struct {struct} {{(.*?)\n}};", header, re.S)[1]
            names = re.findall(r"^  [\w:<>, ]+? (\w+)(?: = .*?|{})?;", fields, re.M)
            self.assertGreater(len(names), 3)
            for name in names:
                self.assertRegex(PAGE, rf"`(sent\.)?{name}[`\[.]", f"{struct}::{name} is not in docs/operations.md")

    def test_policies_are_json_and_name_what_a_log_needs(self):
        policies = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.S)]  # tried by permissions_test.py
        actions = {action for statement in policies[0]["Statement"]
                   for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])}
        self.assertEqual(actions, {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"})
        self.assertEqual(len(policies), 3)

    def test_what_following_costs_adds_up(self):
        rows = re.findall(r"^\| (\d+) (ms|s)\b.*?\| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|$", PAGE, re.M)
        self.assertEqual(len(rows), 5)
        for number, unit, gets, lists, dollars in rows:
            with self.subTest(pause=number + unit):
                gets, lists = int(gets.replace(",", "")), int(lists.replace(",", ""))
                self.assertEqual(gets, 30 * 86_400 * 1000 // (int(number) * (1000 if unit == "s" else 1)))
                self.assertAlmostEqual(gets * 0.0004 / 1000 + lists * 0.005 / 1000, float(dollars), delta=0.0051)


def crc32c(data: bytes) -> int:
    """Castagnoli's polynomial, reflected (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


if __name__ == "__main__":
    unittest.main()
