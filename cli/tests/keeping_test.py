"""How much of a log is kept: retain, and consumers that commit as they go."""
import json
import subprocess
import unittest

from command import FAILURE, FENCED, FINE, OUT_OF_RANGE, USAGE, VARVE, LogTest


class Retain(LogTest):
    def setUp(self):
        super().setUp()
        self.varve("append", self.log, "--batch-bytes", "64KiB", input="".join(f"{n:099}\n" for n in range(10_000)))

    def retain(self, *options: str) -> dict:
        return json.loads(self.varve("retain", self.log, "--json", *options))

    def test_to_the_lowest_cursor(self):
        self.varve("cursor", self.log, "set", "slow", "5000")
        self.varve("cursor", self.log, "set", "fast", "9000")
        planned = self.retain("--cursors", "--dry-run")
        self.assertEqual((planned["let_go_below"], planned["decided_by"]), (5000, "cursors"))
        self.assertEqual(planned["lowest_cursor"]["name"], "slow")
        self.assertEqual(self.info()["start_offset"], 0, "a dry run changes nothing")
        text = self.varve("retain", self.log, "--cursors")
        self.assertIn("let go of", text)
        self.assertIn("'slow' (offset 5,000", text)
        start = self.info()["start_offset"]
        self.assertEqual(start, planned["trim_before"])
        self.assertTrue(0 < start <= 5000)
        self.assertEqual(self.varve("cat", self.log, "--from", "5000", "--count", "1"), f"{5000:099}\n")
        self.varve("verify", self.log)
        self.assertIn("nothing to let go of", self.varve("retain", self.log, "--cursors"))

    def test_by_size_until_a_cursor_holds_it_back(self):
        half = self.info()["bytes"] // 2
        self.assertIn("within the limits", self.varve("retain", self.log, "--max-bytes", "1TiB"))
        self.varve("cursor", self.log, "set", "slow", "0")
        text = self.varve("retain", self.log, "--max-bytes", str(half))
        self.assertIn("held back by cursor 'slow'", text)
        self.assertIn("nothing to let go of", text)
        done = self.retain("--max-bytes", str(half), "--idle-cursors", "delete:0s")
        self.assertEqual((done["decided_by"], done["cursors_removed"]), ("size", ["slow"]))
        info = self.info()
        self.assertTrue(0 < info["start_offset"] < 10_000)
        self.assertLess(info["bytes"], half + (64 << 10) + 2000)  # an object more, and a few without records
        self.varve("verify", self.log)

    def test_by_age(self):
        self.assertEqual(self.retain("--max-age", "1h")["trim_before"], 0)
        self.assertEqual(self.retain("--max-age", "10000d")["decided_by"], "none")

    def test_idle_cursors(self):
        self.varve("cursor", self.log, "set", "slow", "100")
        self.assertEqual(self.retain("--cursors", "--dry-run", "--idle-cursors", "ignore:30d")["idle_cursors"], [])
        ignored = self.retain("--cursors", "--dry-run", "--idle-cursors", "ignore:0s")
        self.assertEqual((ignored["trim_before"], ignored["idle_cursors"][0]["name"]), (0, "slow"))
        self.assertIn("no cursor that counts", self.varve("retain", self.log, "--cursors", "--idle-cursors", "ignore:0s"))
        self.assertEqual(self.varve("cursor", self.log, "get", "slow"), "100\n")

    def test_a_writer_at_work_is_not_fenced_unless_told(self):
        writer = self.start("append", self.log, "--acks")
        writer.say("one\n")
        writer.wait_for("durable 10001\n")
        self.varve("retain", self.log, "--max-bytes", "1", exits=USAGE)
        self.assertIn("--take-over", self.stderr)
        writer.say("two\n")
        writer.wait_for("durable 10002\n")
        self.varve("retain", self.log, "--max-bytes", "1", "--take-over")
        writer.say("three\n")
        self.assertEqual(writer.end(), FENCED)
        self.assertEqual(self.info()["start_offset"], 10_001)

    def test_bad_input_is_answered(self):
        for options in ([], ["--max-age", "soon"], ["--max-age", "0s"], ["--max-bytes", "0"], ["--max-bytes", "much"],
                        ["--cursors", "--idle-cursors", "ignore"], ["--cursors", "--idle-cursors", "shoot:1d"]):
            with self.subTest(options):
                self.varve("retain", self.log, *options, exits=USAGE)
        self.varve("retain", f"file://{self.directory}/none", "--cursors", exits=FAILURE)


class CatByCursor(LogTest):
    def setUp(self):
        super().setUp()
        self.append(*(str(n) for n in range(5)))

    def cat(self, *options: str, exits: int = FINE) -> str:
        return self.varve("cat", self.log, "--cursor", "copy", *options, exits=exits)

    def test_goes_on_where_it_was(self):
        self.assertEqual(self.cat("--count", "2"), "0\n1\n")
        self.assertEqual(self.varve("cursor", self.log, "get", "copy"), "2\n")
        self.assertEqual(self.cat(), "2\n3\n4\n")
        self.assertEqual(self.cat(), "")
        self.append("five")
        self.assertEqual(self.cat("--offsets"), "5\tfive\n")

    def test_a_new_cursor_begins_where_it_is_told(self):
        self.assertEqual(self.cat("--tail", "1"), "4\n")
        self.assertEqual(self.cat("--tail", "3"), "")

    def test_what_could_not_be_written_comes_again(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([VARVE, "cat", self.log, "--cursor", "copy"], stdout=full, stderr=subprocess.PIPE,
                                  check=False)
        self.assertEqual(done.returncode, FAILURE)
        self.assertEqual(self.cat(), "0\n1\n2\n3\n4\n")

    def test_trimmed_past(self):
        self.cat("--count", "1")
        self.varve("trim", self.log, "--before", "3")
        self.cat(exits=OUT_OF_RANGE)
        self.assertIn("3", self.stderr)
        self.assertEqual(self.cat("--skip-trimmed"), "3\n4\n")
        self.assertIn("2 records", self.stderr)

    def test_follow_commits_what_is_written(self):
        follower = self.start("cat", self.log, "--cursor", "copy", "--follow")
        follower.wait_for("4\n")
        self.append("five")
        follower.wait_for("five\n")
        follower.interrupt()
        self.assertEqual(follower.end(), FINE)
        self.assertEqual(self.cat(), "")

    def test_a_cursor_that_another_removes_is_lost(self):
        follower = self.start("cat", self.log, "--cursor", "copy", "--follow")
        follower.wait_for("4\n")
        self.varve("cursor", self.log, "delete", "copy")
        self.append("five")
        follower.wait_for("five\n")
        follower.interrupt()
        self.assertEqual(follower.end(), FENCED)

    def test_bad_input_is_answered(self):
        self.varve("cat", self.log, "--cursor", "a/b", exits=USAGE)
        self.varve("cat", self.log, "--skip-trimmed", exits=USAGE)


if __name__ == "__main__":
    unittest.main()
