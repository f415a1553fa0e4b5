"""Mirrors and promotion, as a person would type them."""
import json
import os
import signal
import subprocess
import time
import unittest
from unittest import mock

from command import CORRUPTION, FENCED, FINE, OUT_OF_RANGE, PATIENCE_S, USAGE, VARVE, LogTest


class Mirror(LogTest):
    def setUp(self):
        super().setUp()
        self.copy = self.log + "-copy"

    def mirror(self, *options: str, exits: int = FINE) -> str:
        return self.varve("mirror", self.log, self.copy, *options, exits=exits)

    def same(self) -> None:
        self.assertEqual(self.varve("cat", self.copy), self.varve("cat", self.log))
        self.assertTrue(json.loads(self.varve("verify", self.copy, "--json"))["sound"])

    def test_copies_and_goes_on(self):
        self.append("one", "two")
        self.assertIn("up to offset 2", self.mirror())
        self.same()
        self.append("three")
        status = json.loads(self.mirror("--json"))
        self.assertEqual((status["copied_offset"], status["records_behind"], status["records"]), (3, 0, 1))
        self.same()

    def test_follows_until_it_is_stopped(self):
        self.append("one")
        following = self.start("mirror", self.log, self.copy, "--follow")
        self.append("two")
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run([VARVE, "cat", self.copy], capture_output=True, check=False).stdout != b"one\ntwo\n":
            self.assertLess(time.monotonic(), deadline)
        following.interrupt(signal.SIGINT)
        self.assertEqual(following.end(), FINE, following.stderr)
        self.same()

    def test_a_mirror_is_not_written_to(self):
        self.append("one")
        self.mirror()
        self.varve("append", self.copy, input="two\n", exits=FENCED)
        self.assertIn("varve promote", self.stderr)

    def test_promotion_with_the_source_and_back(self):
        self.append("one")
        self.mirror()
        self.append("two")
        self.assertIn("mirrored up to offset 1", self.varve("promote", self.copy, "--dry-run"))
        self.assertIn("from offset 2 on; the source is sealed", self.varve("promote", self.copy, "--seal", self.log))
        self.varve("append", self.log, input="lost?\n", exits=FENCED)
        self.varve("append", self.copy, input="three\n")
        self.assertEqual(self.varve("cat", self.copy), "one\ntwo\nthree\n")
        self.varve("mirror", self.copy, self.log, exits=FENCED)
        self.assertIn("--attach", self.stderr)
        self.varve("mirror", self.copy, self.log, "--attach")
        self.same()

    def test_promotion_without_the_source_takes_a_word(self):
        self.append("one", "two")
        self.mirror()
        self.append("three")
        self.varve("promote", self.copy, exits=OUT_OF_RANGE)
        self.assertIn("--accept-loss-after 2", self.stderr)
        self.varve("promote", self.copy, "--accept-loss-after", "3", exits=OUT_OF_RANGE)
        promoted = json.loads(self.varve("promote", self.copy, "--accept-loss-after", "2", "--json"))
        self.assertEqual((promoted["done"], promoted["end_offset"]), (True, 2))
        self.varve("append", self.copy, input="other\n")
        self.varve("mirror", self.copy, self.log, "--attach", exits=CORRUPTION)
        self.assertIn("part at object", self.stderr)

    def test_what_two_stores_have_is_not_lost_with_one(self):
        writer = self.start("append", self.log, "--acks", "--standby", self.copy)
        for number in range(1, 4):
            writer.say(f"record {number}\n")
            writer.wait_for(f"durable {number}\n")
            self.assertEqual(len(self.varve("cat", self.copy).splitlines()), number)
        self.varve("promote", self.copy, "--accept-loss-after", "3")
        writer.say("record 4\n")
        self.assertEqual(writer.end(), FENCED, writer.stderr)
        self.assertIn("promoted", writer.stderr)
        self.assertNotIn("durable 4\n", writer.lines)
        self.varve("append", self.log, "--standby", self.copy, exits=FENCED)
        self.varve("append", self.copy, input="record 4\n")
        self.assertEqual(self.varve("cat", self.copy), "".join(f"record {number}\n" for number in range(1, 5)))

    def test_options_as_they_were_named_before(self):
        some = {name: os.environ.get(name, "any") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.enterContext(mock.patch.dict(os.environ, some))
        away = "s3://bucket/copy?endpoint=http://127.0.0.1:1&deadline=300ms"
        store, away_then, patience = "--second-store", "--when-second-is-away", "--second-patience-ms"  # old spelling
        degrades = "go-on"  # old spelling
        self.varve("append", self.log, store, away, away_then, degrades, patience, "100ms", input="one\n")
        self.assertIn("1 record not in the standby yet", self.stderr)
        self.varve("append", self.log, store, self.copy, away_then, "stop", input="two\n")  # old spelling
        self.assertIn("all durable in both stores", self.stderr)
        shown = self.varve("append", "--help")
        self.assertIn("--standby ", shown)
        for old in (store, away_then, patience):
            self.assertNotIn(old, shown)

    def test_a_standby_that_is_away(self):
        some = {name: os.environ.get(name, "any") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.enterContext(mock.patch.dict(os.environ, some))
        away = "s3://bucket/copy?endpoint=http://127.0.0.1:1&deadline=300ms"
        options = ("--standby", away, "--on-standby-loss", "degrade", "--standby-patience-ms", "100ms")
        self.varve("append", self.log, *options, input="one\n")
        self.assertIn("standby_lost", self.stderr)
        self.assertIn("1 record not in the standby yet", self.stderr)
        self.varve("append", self.log, "--standby", self.copy, input="two\n")
        self.assertIn("all durable in both stores", self.stderr)
        self.same()
        self.varve("append", f"{self.log}-other", input="other\n")
        self.varve("append", self.log, "--standby", f"{self.log}-other", exits=CORRUPTION)

    def test_another_log_is_refused(self):
        self.append("one")
        self.varve("append", self.copy, input="other\n")
        self.mirror(exits=CORRUPTION)
        self.mirror("--attach", exits=CORRUPTION)
        self.varve("mirror", self.log, self.log, exits=USAGE)


if __name__ == "__main__":
    unittest.main()
