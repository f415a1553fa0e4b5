"""Reading and keeping a log on a real S3 server (tools/rgw, started by ctest), as a person would type it."""
import json
import os
import signal
import unittest

import commands_test
import gateway
import keeping_test
import metrics_test
import mirror_test
import runbook_test
from command import CORRUPTION, UNAVAILABLE, LogTest


class OnS3(LogTest):
    """Before the class whose tests are to run here."""

    def name_of_log(self) -> str:
        return f"s3://{os.environ['S3_BUCKET']}/{self.directory.name}/log"


class SeekOnS3(OnS3, commands_test.Seek):
    pass


class CursorOnS3(OnS3, commands_test.CursorCommand):
    test_verify_and_info_do_not_mind = None  # damages a file


class RetainOnS3(OnS3, keeping_test.Retain):
    pass


class CatByCursorOnS3(OnS3, keeping_test.CatByCursor):
    pass


class MirrorOnS3(OnS3, mirror_test.Mirror):
    pass


class TopOnS3(OnS3, metrics_test.Top):
    pass


class ServeOnS3(OnS3, metrics_test.Serve):
    test_idle_connections_keep_nobody_out = None  # has nothing to do with where the log lies


class ReadingOnS3(OnS3):
    def test_records_by_offset(self):
        self.append(*(f"record {number}" for number in range(100)))
        self.assertEqual(self.varve("get", self.log, "99", "0", "41"), "record 99\nrecord 0\nrecord 41\n")

    def test_a_follower_sees_what_another_process_writes(self):
        self.append("one")
        follower = self.start("cat", self.log, "--follow", "--poll-max", "200ms")
        follower.wait_for("one\n")
        self.append("two")
        follower.wait_for("two\n")
        follower.interrupt()
        follower.end()


class RepairOnS3(OnS3):
    def test_a_writer_goes_on_behind_a_lost_object_once_it_is_named(self):
        writer = self.start("append", self.log, "--acks")
        for number in range(1, 5):
            writer.say(f"record {number}\n")
            writer.wait_for(f"durable {number}\n")  # so each is an object of its own, and the next one knows
        writer.interrupt(signal.SIGKILL)
        writer.end()
        window = json.loads(self.varve("info", self.log, "--json"))["window"]
        gateway.delete(f"{self.directory.name}/log/wal/{window + 2:020}")
        self.assertIn("--seal-past-hole-at 2", self.varve("repair", self.log, "--execute", exits=CORRUPTION))
        self.varve("append", self.log, input="more\n", exits=CORRUPTION)
        self.assertIn("done:", self.varve("repair", self.log, "--execute", "--seal-past-hole-at", "2"))
        self.append("more")
        self.assertEqual(self.varve("cat", self.log, "--from", "3", "--offsets"), "3\trecord 4\n4\tmore\n")
        self.assertEqual(self.varve("cat", self.log, exits=CORRUPTION), "record 1\nrecord 2\n")


class RunbookOnS3(OnS3, runbook_test.Entry):
    def test_unavailable(self):
        impatient = "?deadline=500ms"
        store = f"s3://{os.environ['S3_BUCKET']}{impatient}"
        self.log += impatient
        writer = self.start("append", self.log, "--acks", "--give-up-ms", "1s")
        writer.say("one\n")
        writer.wait_for("durable 1\n")
        gateway.turn("kill")
        self.addCleanup(gateway.turn, "up")
        writer.say("two\n")
        self.assertIn("endpoint", self.follow("unavailable", 0, STORE=store)[0])
        self.assertEqual(writer.end(), UNAVAILABLE)
        self.assertRegex(writer.stderr, r"acknowledged +1 record \(offset 0\)")
        # Whether the connection was known to be dead before the request went out is a matter of luck.
        self.assertRegex(writer.stderr, r"(unknown|not written) +1 record")
        never_written = "unknown       0 records" in writer.stderr
        gateway.turn("up")
        self.follow("unavailable", 1, STORE=store)
        self.append("three")
        lines = self.varve("cat", self.log).splitlines()
        may_be = [["one", "three"]] + ([] if never_written else [["one", "two", "three"]])
        self.assertIn(lines, may_be)


if __name__ == "__main__":
    gateway.find_or_skip()
    unittest.main()
