"""Logs that were restored from an older copy under the cursors of their readers, and programs of two versions beside
each other. VARVE_OLD names a program from before cursors were bound to a history; without it, what such a program
made is taken from files."""
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from command import CORRUPTION, FAILURE, OUT_OF_RANGE, LogTest

OLD = os.environ.get("VARVE_OLD")
MADE_BEFORE = Path(__file__).parent / "made_before_cursors_were_bound"


def old(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    return subprocess.run([OLD, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)


class Restored(LogTest):
    """A log of 20 records, and a copy of it from when it had 10."""

    def setUp(self):
        super().setUp()
        self.home = self.directory / "log"
        self.copy = self.directory / "copy"
        self.append(*(f"old {n}" for n in range(10)))
        shutil.copytree(self.home, self.copy)
        self.append(*(f"OLD {n}" for n in range(10, 20)))
        self.varve("cat", self.log, "--cursor", "billing")

    def restore(self) -> None:
        shutil.rmtree(self.home / "wal")
        (self.home / "checkpoint").unlink()
        shutil.copytree(self.copy, self.home, dirs_exist_ok=True)

    def assert_told(self, exits: int) -> None:
        before = self.varve("cat", self.log)
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertEqual([(each["name"], each["offset"]) for each in listed], [("billing", 20)])
        advice = listed[0]["problem"]["message"]
        self.assertIn("delete billing", advice)
        self.assertIn(advice, self.varve("cursor", self.log, "list"))
        self.varve("cursor", self.log, "get", "billing", exits=exits)
        self.varve("cat", self.log, "--cursor", "billing", exits=exits)
        self.assertIn("delete billing", self.stderr)
        self.varve("cat", self.log, "--cursor", "billing", "--skip-trimmed", exits=exits)
        top = json.loads(self.varve("top", self.log, "--once", "--json"))
        self.assertEqual((top["cursors"][0]["lag"], top["cursors"][0]["problem"]["message"]), (None, advice))
        verified = json.loads(self.varve("verify", self.log, "--json"))
        self.assertEqual([each["what"] for each in verified["findings"]], [advice])
        for rule in (["--cursors"], ["--max-bytes", "1"]):
            kept = json.loads(self.varve("retain", self.log, "--json", *rule))
            self.assertEqual([each["name"] for each in kept["untrusted_cursors"]], ["billing"])
            self.assertEqual((kept["trim_before"], kept["decided_by"]), (0, "cursors"))
            self.assertIn(advice, self.varve("retain", self.log, *rule))
        self.assertEqual(self.varve("cat", self.log), before, "nothing is gone")

    def test_a_cursor_beyond_the_end(self):
        self.restore()
        self.assert_told(OUT_OF_RANGE)

    def test_a_cursor_of_another_history(self):
        self.restore()
        self.append(*(f"NEW {n}" for n in range(10, 25)))
        self.assert_told(CORRUPTION)
        self.varve("cursor", self.log, "delete", "billing")
        self.varve("cursor", self.log, "set", "billing", "10")
        read = self.varve("cat", self.log, "--cursor", "billing")
        self.assertEqual(read, "".join(f"NEW {n}\n" for n in range(10, 25)))
        self.varve("cat", self.log, "--cursor", "billing")

    def test_a_cursor_from_before_the_copy_goes_on(self):
        self.varve("cursor", self.log, "set", "slow", "7")
        self.restore()
        self.varve("cursor", self.log, "delete", "billing")
        self.append(*(f"NEW {n}" for n in range(10, 25)))
        self.assertEqual(self.varve("cat", self.log, "--cursor", "slow", "--count", "1"), "old 7\n")


class MadeBefore(LogTest):
    """What a program has left that moved cursors without binding them."""

    def setUp(self):
        super().setUp()
        self.home = self.directory / "log"
        self.copy = self.directory / "copy"
        if OLD is None:
            shutil.copytree(MADE_BEFORE / "log", self.home)
            shutil.copytree(MADE_BEFORE / "copy", self.copy)
            return
        self.append_by_old(range(10))
        shutil.copytree(self.home, self.copy)
        self.append_by_old(range(10, 20))
        for name, offset in (("middle", "14"), ("end", "20")):
            self.assertEqual(old("cursor", self.log, "set", name, offset).returncode, 0)
        self.assertEqual(old("cat", self.log, "--cursor", "consumer").returncode, 0)

    def append_by_old(self, numbers: range) -> None:
        done = old("append", "-q", self.log, stdin="".join(f"record {n}\n" for n in numbers))
        self.assertEqual(done.returncode, 0, done.stderr)

    def restore(self) -> None:
        shutil.rmtree(self.home / "wal")
        (self.home / "checkpoint").unlink()
        shutil.copytree(self.copy, self.home, dirs_exist_ok=True)

    def test_is_read_moved_and_retained_by(self):
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertEqual([(each["name"], each["offset"], "problem" in each) for each in listed],
                         [("consumer", 20, False), ("end", 20, False), ("middle", 14, False)])
        self.assertEqual(self.varve("cat", self.log, "--cursor", "middle", "--count", "1"), "record 14\n")
        kept = json.loads(self.varve("retain", self.log, "--cursors", "--json"))
        self.assertEqual(kept["let_go_below"], 15)
        self.assertIn(kept["trim_before"], range(10, 16))

    def test_beyond_the_end_is_told_and_holds(self):
        self.restore()
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertTrue(all("problem" in each for each in listed), listed)
        kept = json.loads(self.varve("retain", self.log, "--cursors", "--json"))
        self.assertEqual((kept["trim_before"], len(kept["untrusted_cursors"])), (0, 3))

    def test_is_bound_by_its_next_move(self):
        self.append("one more")
        for name in ("middle", "end", "consumer"):
            self.varve("cat", self.log, "--cursor", name)
        self.restore()
        self.append(*(f"NEW {n}" for n in range(20)))
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertEqual([each["problem"]["code"] for each in listed], ["foreign"] * 3)


@unittest.skipIf(OLD is None, "NOT TESTED: VARVE_OLD names no program of before")
class Beside(LogTest):
    """A program of before reads what this one writes, moves it on, and retains; and the other way round."""

    def test_both_move_one_cursor_on(self):
        self.append(*(str(n) for n in range(20)))
        for n in range(0, 20, 2):
            self.assertEqual(self.varve("cat", self.log, "--cursor", "copy", "--count", "1"), f"{n}\n")
            read = old("cat", self.log, "--cursor", "copy", "--count", "1")
            self.assertEqual((read.returncode, read.stdout), (0, f"{n + 1}\n"), read.stderr)
        listed = old("cursor", self.log, "list", "--json")
        self.assertEqual([each["offset"] for each in json.loads(listed.stdout)], [20])
        self.assertEqual(json.loads(old("verify", self.log, "--json").stdout)["findings"], [])

    def test_the_old_one_retains_by_bound_cursors(self):
        self.append(*(str(n) for n in range(10)))
        self.append(*(str(n) for n in range(10, 20)))
        self.varve("cat", self.log, "--cursor", "copy", "--count", "12")
        done = old("retain", self.log, "--cursors", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["let_go_below"], 12)
        self.assertEqual(self.varve("cat", self.log, "--cursor", "copy"), "".join(f"{n}\n" for n in range(12, 20)))

    def test_the_old_one_removes_and_makes_anew(self):
        self.append(*(str(n) for n in range(20)))
        self.varve("cursor", self.log, "set", "copy", "7")
        self.assertEqual(old("cursor", self.log, "delete", "copy").returncode, 0)
        self.varve("cursor", self.log, "get", "copy", exits=FAILURE)
        self.assertEqual(old("cursor", self.log, "set", "copy", "3").returncode, 0)
        self.assertEqual(self.varve("cursor", self.log, "get", "copy"), "3\n")


class BadCursors(LogTest):
    """Cut, another program's, another log's, a newer version's: each denies itself only."""

    def setUp(self):
        super().setUp()
        self.append(*(str(n) for n in range(10)))
        for name in ("cut", "sound", "strange"):
            self.varve("cursor", self.log, "set", name, "4")
        folder = self.directory / "log" / "cursors"
        for name, body in (("cut", None), ("strange", b"x" * 96)):
            victim = next((folder / name).iterdir())
            victim.write_bytes(victim.read_bytes()[:30] if body is None else body)

    def test_the_others_go_on(self):
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertEqual([(each["name"], each["offset"]) for each in listed],
                         [("cut", None), ("sound", 4), ("strange", None)])
        self.assertIn("cannot be read", self.varve("cursor", self.log, "list"))
        self.assertEqual(self.varve("cat", self.log, "--cursor", "sound", "--count", "1"), "4\n")
        self.assertEqual(len(json.loads(self.varve("verify", self.log, "--json"))["findings"]), 2)
        self.assertIn("?", self.varve("top", self.log, "--once"))

    def test_retain_says_what_holds_it_until_that_is_deleted(self):
        text = self.varve("retain", self.log, "--cursors")
        self.assertIn("nothing to let go of", text)
        self.assertIn("'cut'", text)
        for name in ("cut", "strange"):
            self.varve("cursor", self.log, "delete", name)
        self.varve("cursor", self.log, "set", "sound", "10")
        self.assertIn("let go of 10 records", self.varve("retain", self.log, "--cursors"))

    def test_the_limits_may_count_alone(self):
        done = json.loads(self.varve("retain", self.log, "--json", "--max-bytes", "1", "--idle-cursors", "delete:0s"))
        self.assertEqual(done["cursors_removed"], ["cut", "sound", "strange"])
        self.assertEqual(self.varve("cursor", self.log, "list"), "")


if __name__ == "__main__":
    unittest.main()
