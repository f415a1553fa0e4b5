"""Looking at a log while it lives: `top`, `serve-metrics`, `append --metrics-port`."""
import fcntl
import http.client
import json
import os
import pty
import re
import resource
import socket
import struct
import subprocess
import termios
import unittest
from pathlib import Path

from command import FAILURE, FENCED, FINE, PATIENCE_S, UNAVAILABLE, USAGE, VARVE
from serving import MetricsTest

IDLE_CONNECTIONS = 10_000
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
# What was renamed is told by its old name, too, for one version: the table of renames has the old name first.
RENAMED = {name for row in re.findall(r"^\| (`varve_[^|]*)\|", (ROOT / "CHANGELOG.md").read_text(), re.M)
           for name in re.findall(r"`varve_(\w+)`", row)}


class Top(MetricsTest):
    def test_once_for_people(self):
        self.append("one", "two", "three")
        self.varve("cursor", self.log, "set", "billing", "1")
        screen = self.varve("top", self.log, "--once")
        self.assertIn("end 3", screen)
        self.assertRegex(screen, r"billing +1 +2\n")
        self.assertNotIn("\x1b", screen)

    def test_once_for_programs(self):
        self.append("one", "two", "three")
        self.varve("cursor", self.log, "set", "billing", "1")
        look = json.loads(self.varve("top", self.log, "--once", "--json"))
        self.assertEqual(look["end_offset"], 3)
        self.assertEqual(look["cursors"], [{"name": "billing", "offset": 1, "lag": 2}])
        self.assertIsNone(look["records_per_second"])

    def test_goes_on_until_it_is_interrupted(self):
        self.append("one")
        watching = self.start("top", self.log, "--json", "--interval", "100ms")
        with watching.heard:
            self.assertTrue(watching.heard.wait_for(lambda: len(watching.lines) >= 2, PATIENCE_S))
        watching.interrupt()
        self.assertEqual(watching.end(), FINE)
        self.assertEqual(json.loads(watching.lines[1])["records_per_second"], 0)

    def test_on_a_terminal_it_draws_and_q_ends_it(self):
        self.append("one")
        ours, its = pty.openpty()
        watching = subprocess.Popen([VARVE, "top", self.log], stdin=its, stdout=its, stderr=subprocess.PIPE)
        self.addCleanup(watching.kill)
        os.close(its)
        drawn = b""
        while b"q to quit" not in drawn:
            drawn += os.read(ours, 4096)
        os.write(ours, b"q")
        try:
            while True:
                drawn += os.read(ours, 4096)
        except OSError:  # the other end is closed
            pass
        self.assertEqual(watching.wait(PATIENCE_S), FINE)
        watching.stderr.close()
        os.close(ours)
        self.assertTrue(drawn.endswith(b"\x1b[?25h\x1b[?7h\x1b[?1049l"), "the terminal is as it was")

    def test_a_small_terminal_shows_what_fits(self):
        self.append("one")
        for name in range(20):
            self.varve("cursor", self.log, "set", f"reader-{name}", "0")
        ours, its = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
        watching = subprocess.Popen([VARVE, "top", self.log], stdin=its, stdout=its)
        self.addCleanup(watching.kill)
        os.close(its)
        drawn = b""
        while b"\x1b[J" not in drawn:
            drawn += os.read(ours, 4096)
        os.write(ours, b"q")
        self.assertEqual(watching.wait(PATIENCE_S), FINE)
        self.assertEqual(drawn.split(b"\x1b[H")[1].count(b"\n"), 11, "twelve lines, and the last one ends none")
        self.assertIn(b"q to quit", drawn)

    def test_no_log_and_bad_arguments(self):
        self.varve("top", self.log, "--once", exits=FAILURE)
        self.varve("top", self.log, "--interval", "1ms", exits=USAGE)


class Serve(MetricsTest):
    def test_a_log_from_outside(self):
        self.append("one")  # more lines may be one object or several
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        seen = self.seen(serving.url)["info"]
        self.assertEqual(seen["end_offset"], 1)
        self.assertEqual(seen | self.info(), seen, "the page is told what info tells, in the same words")
        self.assertEqual([placed["role"] for placed in seen["newest"]], ["seal", "data", "data"])
        self.assertIn(f'varve_log_end_offset{{log="{self.log}"}} 1\n', self.get(serving.url + "/metrics"))
        self.assertIn("<title>Varve</title>", self.get(serving.url + "/"))
        self.assertIn("(for this machine only)", serving.stderr)
        self.assertNotIn("password", serving.stderr)
        serving.interrupt()
        self.assertEqual(serving.end(), FINE)

    def test_a_log_that_is_not_there_yet_is_shown_when_it_is(self):
        serving = self.serve("serve-metrics", self.log, "--port", "0", "--interval", "100ms")
        self.assertEqual(self.seen(serving.url)["error"]["code"], "not_found")
        self.append("one")
        # A look may come between the log's first seal and its record.
        while (seen := self.seen(serving.url))["error"] or seen["info"]["end_offset"] == 0:
            pass
        self.assertEqual(seen["info"]["end_offset"], 1)

    def test_whoever_can_be_reached_from_elsewhere_says_so(self):
        serving = self.serve("serve-metrics", self.log, "--port", "0", "--address", "0.0.0.0")
        self.assertTrue(serving.url)
        with serving.heard:
            self.assertTrue(serving.heard.wait_for(lambda: "whoever can reach 0.0.0.0 may look" in serving.stderr, PATIENCE_S))

    def test_bad_ports_and_addresses(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.varve("serve-metrics", self.log, "--port", port, exits=FAILURE)
            self.assertIn("Address already in use; choose another port", self.stderr)
            self.varve("append", self.log, "--metrics-port", port, input="one\n", exits=FAILURE)
            self.assertFalse((self.directory / "log").exists(), "the log was not taken over for nothing")
        self.varve("serve-metrics", self.log, "--port", "65536", exits=USAGE)
        self.varve("serve-metrics", self.log, "--address", "localhost", "--port", "0", exits=USAGE)
        self.varve("serve-metrics", self.log, "--address", "192.0.2.1", "--port", "0", exits=USAGE)

    def test_bad_requests_are_answered(self):
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        server = http.client.HTTPConnection(serving.url.removeprefix("http://"), timeout=PATIENCE_S)
        self.addCleanup(server.close)
        for method, path, status in (("GET", "/nothing", 404), ("POST", "/metrics", 405), ("PUT", "/", 405),
                                     ("GET", "/%2e%2e/etc/passwd", 404), ("HEAD", "/metrics", 200), ("GET", "/metrics?x=1", 200)):
            server.request(method, path)
            answer = server.getresponse()
            answer.read()
            self.assertEqual(answer.status, status, f"{method} {path}")
            server.close()

    def test_idle_connections_keep_nobody_out(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = IDLE_CONNECTIONS + 100
        if hard != resource.RLIM_INFINITY and hard < wanted:
            self.skipTest(f"this machine lets a process have {hard} files, {wanted} are needed")
        serving = self.serve("serve-metrics", self.log, "--port", "0")  # with few files of its own
        port = int(serving.url.rsplit(":", 1)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        idle = []
        try:
            for _ in range(IDLE_CONNECTIONS):
                idle.append(socket.create_connection(("127.0.0.1", port), PATIENCE_S))
            self.assertIn("varve_inspections_total", self.get(serving.url + "/metrics"))
        finally:
            for connection in idle:
                connection.close()
        self.assertIn("varve_inspections_total", self.get(serving.url + "/metrics"))


class AppendServes(MetricsTest):
    def test_a_writer_is_seen_at_work(self):
        writer = self.serve("append", self.log, "--acks", "--metrics-port", "0")
        writer.say("one\ntwo\n")
        writer.wait_for("durable 2\n")
        metrics = self.get(writer.url + "/metrics")
        self.assertIn(f'varve_writer_durable_offset{{log="{self.log}",by="writer"}} 2\n', metrics)
        self.assertIn("varve_writer_upload_seconds_count", metrics)
        self.seen(writer.url)
        told = set(re.findall(r"^# TYPE varve_(\w+)", self.get(writer.url + "/metrics"), re.M))
        self.assertTrue(told & RENAMED)
        for name in sorted(told - RENAMED):
            short = re.sub(r"(_total|_seconds|_ratio)$", "", name.split("_", 1)[1])  # as it is in the tables
            self.assertRegex(PAGE, rf"`varve_{name}[`{{]|`_{name.split('_', 1)[1]}[`{{]|`{short}(_us|_percent)?`", name)
        self.assertEqual(json.loads(self.get(writer.url + "/state"))["writers"][0]["state"]["durable_offset"], 2)
        writer.process.stdin.close()
        self.assertEqual(writer.end(), FINE)


    def test_top_of_the_writer_itself(self):
        writer = self.serve("append", self.log, "--acks", "--metrics-port", "0")
        writer.say("one\ntwo\n")
        writer.wait_for("durable 2\n")
        look = json.loads(self.varve("top", writer.url, "--once", "--json"))
        self.assertEqual((look["log"], look["durable_offset"], look["records"]), (self.log, 2, 2))
        self.assertIsNone(look["records_per_second"])
        screen = self.varve("top", writer.url + "/", "--once")
        self.assertIn("durable 2", screen)
        self.assertRegex(screen, r"\n  upload +[\d.]+ +[\d.]+\n")
        self.assertRegex(screen, r"\n  errors +none\n")
        self.assertRegex(screen, r"\n  cost so far +\$0\.0000")
        watching = self.start("top", writer.url, "--json", "--interval", "100ms")
        with watching.heard:
            self.assertTrue(watching.heard.wait_for(lambda: len(watching.lines) >= 2, PATIENCE_S))
        self.assertEqual(json.loads(watching.lines[1])["records_per_second"], 0)
        self.append("three")  # by another, who takes the log over
        writer.say("four\n")
        self.assertEqual(writer.end(), FENCED)
        self.assertEqual(watching.end(), UNAVAILABLE)
        self.assertIn("nobody serves metrics at", watching.stderr)

    def test_top_where_no_writer_is(self):
        self.varve("top", "http://127.0.0.1:1", "--once", exits=UNAVAILABLE)
        self.assertIn("varve append --metrics-port", self.stderr)
        self.append("one")
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        self.varve("top", serving.url, "--once", exits=FAILURE)
        self.assertIn("no writer is served", self.stderr)
        self.varve("top", serving.url + "/metrics", "--once", exits=UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
