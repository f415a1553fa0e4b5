"""Looking at a log while it lives: `top`, `serve-metrics`, `append --metrics-port`."""
import http.client
import json
import os
import pty
import resource
import socket
import subprocess
import unittest

from command import FAILURE, FINE, PATIENCE_S, USAGE, VARVE
from serving import MetricsTest

IDLE_CONNECTIONS = 10_000


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
        self.assertTrue(drawn.endswith(b"\x1b[?25h\x1b[?1049l"), "the terminal is as it was")

    def test_no_log_and_bad_arguments(self):
        self.varve("top", self.log, "--once", exits=FAILURE)
        self.varve("top", self.log, "--interval", "1ms", exits=USAGE)


class Serve(MetricsTest):
    def test_a_log_from_outside(self):
        self.append("one", "two")
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        self.assertEqual(self.seen(serving.url)["info"]["end_offset"], 2)
        self.assertIn(f'varve_log_end_offset{{log="{self.log}"}} 2\n', self.get(serving.url + "/metrics"))
        self.assertIn("<title>Varve</title>", self.get(serving.url + "/"))
        self.assertNotIn("password", serving.stderr)
        serving.interrupt()
        self.assertEqual(serving.end(), FINE)

    def test_a_log_that_is_not_there_yet_is_shown_when_it_is(self):
        serving = self.serve("serve-metrics", self.log, "--port", "0", "--interval", "100ms")
        self.assertEqual(self.seen(serving.url)["error"]["code"], "not_found")
        self.append("one")
        while self.seen(serving.url)["error"]:
            pass
        self.assertEqual(self.seen(serving.url)["info"]["end_offset"], 1)

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
            self.assertIn("varve_looks_total", self.get(serving.url + "/metrics"))
        finally:
            for connection in idle:
                connection.close()
        self.assertIn("varve_looks_total", self.get(serving.url + "/metrics"))


class AppendServes(MetricsTest):
    def test_a_writer_is_seen_at_work(self):
        writer = self.serve("append", self.log, "--acks", "--metrics-port", "0")
        writer.say("one\ntwo\n")
        writer.wait_for("durable 2\n")
        metrics = self.get(writer.url + "/metrics")
        self.assertIn(f'varve_writer_durable_offset{{log="{self.log}",by="writer"}} 2\n', metrics)
        self.assertIn("varve_writer_upload_seconds_count", metrics)
        self.assertEqual(json.loads(self.get(writer.url + "/state"))["writers"][0]["state"]["durable_offset"], 2)
        writer.process.stdin.close()
        self.assertEqual(writer.end(), FINE)


if __name__ == "__main__":
    unittest.main()
