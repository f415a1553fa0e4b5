"""varve doctor, as a person would type it."""
import json
import signal
import unittest

from command import UNAVAILABLE, USAGE, LogTest

CAPABILITIES = ["create_if_absent", "atomic_create", "read_after_write", "list_after_write", "list_order", "ranges",
                "replace", "remove", "clock"]


class Doctor(LogTest):
    def setUp(self) -> None:
        super().setUp()
        self.store = f"file://{self.directory}"

    def files(self) -> list:
        return [path for path in self.directory.rglob("*") if not path.is_dir()]

    def test_files_are_well_and_it_says_so(self):
        text = self.varve("doctor", self.store, "--quick")
        for word in [*CAPABILITIES, "p50 ms", "p99 ms", "8.0 MiB", "window", "batch_bytes", "linger_ms",
                     "a log may live here"]:
            self.assertIn(word, text)
        self.assertNotIn("FAILS", text)
        self.assertNotIn("$", text, "files cost nothing")
        self.assertEqual(self.stderr, "", "no progress where there is no terminal")
        self.assertEqual(self.files(), [])

    def test_json_is_for_programs(self):
        found = json.loads(self.varve("doctor", self.store, "--quick", "--json"))
        self.assertTrue(found["usable"])
        self.assertEqual([one["capability"] for one in found["capabilities"]], CAPABILITIES)
        verdicts = {one["capability"]: one["verdict"] for one in found["capabilities"]}
        self.assertEqual(verdicts.pop("clock"), "not_tested")
        self.assertEqual(set(verdicts.values()), {"ok"})
        self.assertEqual({one["request"] for one in found["latencies"]}, {"PUT", "GET", "LIST", "DELETE"})
        self.assertIsNone(found["monthly_cost"])
        self.assertEqual(found["scratch_left"], 0)

    def test_cost_by_prices_given(self):
        text = self.varve("doctor", "mem://trial", "--quick", "--records-per-second", "1024", "--record-bytes", "1024",
                          "--retained-days", "2", "--price-gib-month", "0.5")
        self.assertIn("1024 records a second of 1024 bytes, kept 2 days", text)
        self.assertIn("168.8 GiB", text)
        self.assertIn("the command line", text)

    def test_a_place_in_a_store(self):
        found = json.loads(self.varve("doctor", "mem://trial/team/orders", "--quick", "--json"))
        self.assertTrue(found["scratch"].startswith("team/orders/.varve-doctor/"), found["scratch"])

    def test_a_store_that_cannot_be_reached(self):
        self.varve("doctor", "file:///proc/nothing/can/be/written/here", "--quick", exits=UNAVAILABLE)

    def test_usage(self):
        self.varve("doctor", exits=USAGE)
        self.varve("doctor", "/var/tmp", exits=USAGE)
        self.assertIn("file:///var/tmp", self.stderr)
        self.varve("doctor", self.store, "--records-per-second", "-1", exits=USAGE)

    def test_interrupted_it_leaves_nothing_behind(self):
        running = self.start("doctor", "file://" + str(self.directory) + "/scratch")
        while not any(path.parent.parent.name == ".varve-doctor" for path in self.files()):
            self.assertIsNone(running.process.poll(), "it ended before it was interrupted")
        running.interrupt(signal.SIGINT)
        self.assertEqual(running.end(), -signal.SIGINT)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
