"""Every command, as a person would type it."""
import datetime
import json
import re
import signal
import struct
import subprocess
import time
import unittest
from pathlib import Path

from command import CORRUPTION, FAILURE, FINE, OUT_OF_RANGE, USAGE, VARVE, LogTest


def framed(*records: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(record)) + record for record in records)


class Append(LogTest):
    def test_lines_come_back_as_they_were(self):
        self.varve("append", self.log, input="one\n\nthree\n")
        self.assertIn("3 records", self.stderr)
        self.assertIn("offsets 0 to 2", self.stderr)
        self.assertEqual(self.varve("cat", self.log), "one\n\nthree\n")

    def test_last_line_needs_no_newline(self):
        self.varve("append", self.log, input="one\ntwo")
        self.assertEqual(self.varve("cat", self.log), "one\ntwo\n")

    def test_goes_on_where_the_log_ended(self):
        self.append("one")
        self.append("two", "three")
        self.assertIn("offsets 1 to 2", self.stderr)
        self.assertEqual(self.varve("cat", self.log), "one\ntwo\nthree\n")

    def test_files_in_order_and_standard_input(self):
        for name in "ac":
            (self.directory / name).write_text(f"{name}\n")
        self.varve("append", self.log, str(self.directory / "a"), "-", str(self.directory / "c"), input="b\n")
        self.assertEqual(self.varve("cat", self.log), "a\nb\nc\n")

    def test_empty_input_makes_an_empty_log(self):
        self.varve("append", self.log)
        self.assertEqual(self.varve("cat", self.log), "")
        self.assertEqual(self.info()["end_offset"], 0)

    def test_length_framing_keeps_any_bytes(self):
        records = framed(b"", b"a\n\0b", bytes(range(256)) * 1000)
        self.varve("append", self.log, "--framing", "length", input=records)
        self.assertEqual(self.varve_bytes("cat", self.log, "--framing", "length"), records)

    def test_file_framing_makes_a_record_of_each_file(self):
        for name in "ab":
            (self.directory / name).write_text(f"{name}\n{name}\n")
        self.varve("append", self.log, "--framing", "file", str(self.directory / "a"), str(self.directory / "b"))
        self.assertEqual(self.info()["end_offset"], 2)
        self.assertEqual(self.varve("cat", self.log, "--from", "1", "--count", "1", "--framing", "file"), "b\nb\n")

    def test_largest_record(self):
        largest = bytes(64 << 20)
        (self.directory / "largest").write_bytes(largest)
        self.varve("append", self.log, "--framing", "file", str(self.directory / "largest"))
        self.assertEqual(self.varve_bytes("cat", self.log, "--framing", "file", "--count", "1"), largest)

    def test_record_that_is_too_large_is_named_and_those_before_it_are_kept(self):
        self.varve("append", self.log, "--framing", "length", input=framed(b"one") + struct.pack("<I", (64 << 20) + 1),
                   exits=USAGE)
        self.assertIn("standard input: record 2 is larger than 64 MiB", self.stderr)
        self.assertEqual(self.varve("cat", self.log), "one\n")

    def test_input_that_is_cut_short_is_named(self):
        self.varve("append", self.log, "--framing", "length", input=framed(b"one", b"two")[:-1], exits=USAGE)
        self.assertIn("in the middle of record 2", self.stderr)
        self.assertEqual(self.varve("cat", self.log), "one\n")

    def test_compressed_records_come_back_as_they_were(self):
        lines = "".join(f"line {number} of many that are much alike\n" for number in range(3000))
        for compression in ("none", "lz4", "zstd", "adaptive"):
            log = f"{self.log}-{compression}"
            self.varve("append", log, "--compression", compression, input=lines)
            self.assertEqual(self.varve("cat", log), lines)
            self.assertEqual(self.varve("get", log, "1234"), "line 1234 of many that are much alike\n")
            self.assertIn("3,000 records", self.varve("verify", log))
            # The first of them may have gone alone, too small to shrink.
            tail = json.loads(self.varve("info", log, "--json"))["tail"]
            dumped = "".join(self.varve("dump", f"{log}#{seq}") for seq in range(64, tail))
            if compression in ("lz4", "zstd"):
                self.assertRegex(dumped, rf"compressed +{compression}, from \d+ bytes to \d+ %")
            elif compression == "none":
                self.assertNotIn("compressed", dumped)

    def test_events_are_told_as_much_as_is_asked_for(self):
        self.append("one")
        self.assertNotIn("opened", self.stderr)
        self.varve("append", self.log, "--verbose", input="two\n")
        for event in ("sealed: took the log over", "opened: the next record is offset 1", "closed: "):
            self.assertIn(f"{self.log} {event}", self.stderr)
        self.varve("append", self.log, "--quiet", input="three\n")
        self.assertEqual(self.stderr, "")

    def test_missing_file_is_found_before_the_log_is_touched(self):
        self.varve("append", self.log, str(self.directory / "nothing"), exits=FAILURE)
        self.assertIn("nothing': No such file", self.stderr)
        self.assertFalse((self.directory / "log").exists())

    def test_directory_as_file(self):
        self.varve("append", self.log, str(self.directory), exits=USAGE)
        self.assertIn("Is a directory", self.stderr)

    def test_must_exist(self):
        self.varve("append", self.log, "--must-exist", input="one\n", exits=FAILURE)
        self.append("one")
        self.varve("append", self.log, "--must-exist", input="two\n")

    def test_acks_end_with_all_that_is_durable(self):
        acks = self.varve("append", self.log, "--acks", "--batch-bytes", "64KiB", input="x" * 1000 + "\n" + "y\n" * 99_999)
        offsets = [int(line.removeprefix("durable ")) for line in acks.splitlines()]
        self.assertEqual(offsets[-1], 100_000)
        self.assertEqual(offsets, sorted(set(offsets)))

    def test_acks_come_while_the_input_is_open(self):
        writer = self.start("append", self.log, "--acks")
        writer.say("one\n")
        writer.wait_for("durable 1\n")
        writer.say("two\nthree\n")
        writer.wait_for("durable 3\n")
        writer.process.stdin.close()
        self.assertEqual(writer.end(), FINE)

    def test_acks_that_nobody_reads_end_it(self):
        writer = subprocess.Popen([VARVE, "append", self.log, "--acks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.addCleanup(writer.kill)
        writer.stdout.close()
        writer.stdin.write(b"one\n")
        writer.stdin.flush()
        error = writer.stderr.read().decode()
        self.assertEqual(writer.wait(), FAILURE)
        writer.stdin.close()
        writer.stderr.close()
        self.assertIn("nobody reads the acknowledgements", error)
        self.assertEqual(self.varve("cat", self.log), "one\n")

    def test_signal_closes_the_log_and_then_ends_it_as_signals_do(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                before = self.info()["end_offset"] if (self.directory / "log").exists() else 0
                writer = self.start("append", self.log, "--acks")
                writer.say("one\ntwo\nhalf a line")
                writer.wait_for(f"durable {before + 2}\n")
                writer.interrupt(number)
                self.assertEqual(writer.end(), -number)
                self.assertIn("all durable", writer.stderr)
                self.assertIn("stopped by a signal", writer.stderr)
                self.assertEqual(self.info()["end_offset"], before + 2)
                self.assertTrue(self.info()["epochs"][-1]["closed_cleanly"])

    def test_sizes_and_durations_have_units(self):
        self.varve("append", self.log, "--batch-bytes", "1MiB", "--linger-ms", "20ms", "--give-up-ms", "1min",
                   "--puts-per-second", "50", "--window", "8", input="one\n")
        self.assertEqual(self.info()["window"], 8)

    def test_options_out_of_bounds(self):
        for option in (["--batch-bytes", "1"], ["--batch-bytes", "1parsec"], ["--window", "0"], ["--window", "x"],
                       ["--linger-ms", "-1"], ["--framing", "pages"], ["--linger-ms", "2h"]):
            with self.subTest(option):
                self.varve("append", self.log, *option, input="one\n", exits=USAGE)
        self.assertFalse((self.directory / "log").exists())


class Cat(LogTest):
    def setUp(self):
        super().setUp()
        self.append("zero", "one", "two", "three")

    def test_a_part(self):
        self.assertEqual(self.varve("cat", self.log, "--from", "1", "--count", "2"), "one\ntwo\n")

    def test_with_offsets(self):
        self.assertEqual(self.varve("cat", self.log, "--from", "2", "--offsets"), "2\ttwo\n3\tthree\n")

    def test_from_the_end_is_nothing_yet(self):
        self.assertEqual(self.varve("cat", self.log, "--from", "4"), "")

    def test_beyond_the_end_names_what_there_is(self):
        self.varve("cat", self.log, "--from", "5", exits=OUT_OF_RANGE)
        self.assertRegex(self.stderr, r"\b5\b.*\b4\b")

    def test_what_could_not_be_taken_apart_again_is_refused(self):
        self.varve("cat", self.log, "--framing", "file", exits=USAGE)
        self.varve("cat", self.log, "--framing", "length", "--offsets", exits=USAGE)

    def test_no_such_log(self):
        self.varve("cat", self.log + "2", exits=FAILURE)
        self.assertIn("log2", self.stderr)

    def test_reader_that_has_enough_is_no_failure(self):
        self.varve("append", self.log, input="line\n" * 1_000_000)
        cat = subprocess.Popen([VARVE, "cat", self.log], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        cat.stdout.readline()
        cat.stdout.close()
        self.assertEqual(cat.stderr.read(), b"")
        cat.stderr.close()
        self.assertEqual(cat.wait(), FINE)

    def test_full_output_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([VARVE, "cat", self.log], stdout=full, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, FAILURE)
        self.assertIn(b"No space left", done.stderr)

    def test_follow_prints_what_comes_until_interrupted(self):
        follower = self.start("cat", self.log, "--follow", "--from", "3")
        follower.wait_for("three\n")
        self.append("four")
        follower.wait_for("four\n")
        follower.interrupt()
        self.assertEqual(follower.end(), FINE)
        self.assertEqual(follower.lines, ["three\n", "four\n"])

    def test_follow_ends_after_count(self):
        follower = self.start("cat", self.log, "--follow", "--count", "5")
        follower.wait_for("three\n")
        self.append("four", "five")
        self.assertEqual(follower.end(), FINE)
        self.assertEqual(follower.lines[-1], "four\n")


class Get(LogTest):
    def setUp(self):
        super().setUp()
        self.append(*(f"record {n}" for n in range(50)))

    def test_records_in_the_order_asked_for(self):
        self.assertEqual(self.varve("get", self.log, "49", "0", "7"), "record 49\nrecord 0\nrecord 7\n")
        self.assertEqual(self.varve("get", self.log, "7", "7", "--offsets"), "7\trecord 7\n7\trecord 7\n")
        self.assertEqual(self.varve("get", self.log, "7", "--framing", "file"), "record 7")

    def test_outside_names_what_there_is(self):
        self.assertEqual(self.varve("get", self.log, "3", "50", "4", exits=OUT_OF_RANGE), "record 3\n")
        self.assertIn("holds 0 up to, but not including, 50", self.stderr)
        self.varve("trim", self.log, "--before", "10")
        self.varve("get", self.log, "9", exits=OUT_OF_RANGE)
        self.assertIn("holds 10 up to", self.stderr)

    def test_bad_input_is_answered(self):
        self.varve("get", self.log, exits=USAGE)
        self.varve("get", self.log, "first", exits=USAGE)
        self.varve("get", self.log, "1", "2", "--framing", "file", exits=USAGE)
        self.varve("get", self.log, "1", "--offsets", "--framing", "length", exits=USAGE)
        self.varve("get", self.log + "2", "1", exits=FAILURE)

    def test_damage_is_named_and_not_printed(self):
        for data in [path for path in self.objects() if b"record 7" in path.read_bytes()]:
            content = data.read_bytes()
            data.write_bytes(content.replace(b"record 7", b"record 8"))
            self.assertEqual(self.varve("get", self.log, "7", exits=CORRUPTION), "")
            self.assertIn(data.name, self.stderr)


class Info(LogTest):
    def test_json(self):
        self.append("one", "two")
        info = self.info()
        self.assertEqual((info["start_offset"], info["end_offset"], info["durable_offset"]), (0, 2, 2))
        self.assertEqual(info["objects"], len(self.objects()))
        self.assertEqual(info["bytes"], sum(each.stat().st_size for each in self.objects()))
        self.assertEqual(info["truncated_objects"], 0)
        self.assertEqual(len(info["log_id"]), 32)
        self.assertEqual([epoch["epoch"] for epoch in info["epochs"]], [info["epoch"]])

    def test_for_people(self):
        self.append("one", "two")
        text = self.varve("info", self.log)
        self.assertIn("2 (offsets 0 to 1)", text)
        self.assertIn("closed", text)
        self.assertIn("nothing: an open would keep everything", text)

    def test_every_opening_is_an_epoch(self):
        self.append("one")
        self.append("two")
        epochs = self.info()["epochs"]
        self.assertEqual([epoch["first_offset"] for epoch in epochs], [0, 1])
        self.assertTrue(all(":" in epoch["sealed_by"] for epoch in epochs))

    def durable_below(self, path: Path) -> int:
        """The seq below which all was stored when this object was made."""
        return int(re.search(r"durable +below object (\d+)", self.varve("dump", str(path))).group(1))

    def test_unfinished_tail_is_what_an_open_would_cut(self):
        writer = self.start("append", self.log, "--acks", "--batch-bytes", "64KiB")
        writer.say("one\n")
        writer.wait_for("durable 1\n")
        writer.say("y\n" * 100_000)
        writer.wait_for("durable 100001\n")
        writer.interrupt(signal.SIGKILL)
        writer.end()
        # Now as if it had been killed while an upload had landed before its predecessor: of two neighbours that were in
        # flight together, the later is the last there is, and the earlier is missing.
        objects = self.objects()
        later = next(at for at in range(1, len(objects)) if self.durable_below(objects[at]) < int(objects[at].name))
        for each in [objects[later - 1], *objects[later + 1:]]:
            each.unlink()
        info = self.info()
        self.assertLessEqual(info["durable_offset"], info["end_offset"])
        self.assertEqual(info["truncated_objects"], 1)
        self.assertEqual(info["truncated_bytes"], objects[later].stat().st_size)
        self.assertIn("1 object, ", self.varve("info", self.log))
        self.append("after")
        info = self.info()
        self.assertEqual(info["truncated_objects"], 0)
        self.varve("verify", self.log)


class Seek(LogTest):
    def test_tail_is_the_last_records(self):
        self.append(*(str(n) for n in range(10)))
        self.assertEqual(self.varve("cat", self.log, "--tail", "3"), "7\n8\n9\n")
        self.assertEqual(self.varve("cat", self.log, "--tail", "0"), "")
        self.varve("trim", self.log, "--before", "10")
        self.append("ten")
        self.assertEqual(self.varve("cat", self.log, "--tail", "99"), "ten\n")

    def test_since_finds_what_was_written_then(self):
        self.append("before")
        since = datetime.datetime.now(datetime.timezone.utc)
        while datetime.datetime.now(datetime.timezone.utc).second == since.second:
            time.sleep(0.01)  # as written on the command line it counts seconds
        between = datetime.datetime.now(datetime.timezone.utc)
        self.append("after")
        self.assertEqual(self.varve("cat", self.log, "--since", f"{between:%Y-%m-%dT%H:%M:%SZ}"), "after\n")
        self.assertEqual(self.varve("cat", self.log, "--since", "1h"), "before\nafter\n")
        self.assertEqual(self.varve("cat", self.log, "--since", "2100-01-01"), "")
        self.varve("cat", self.log, "--since", "yesterday", exits=USAGE)
        self.varve("cat", self.log, "--since", "1h", "--tail", "1", exits=USAGE)


class CursorCommand(LogTest):
    def setUp(self):
        super().setUp()
        self.append(*(str(n) for n in range(10)))

    def test_is_where_it_was_set(self):
        self.varve("cursor", self.log, "set", "backup", "4")
        self.assertEqual(self.varve("cursor", self.log, "get", "backup"), "4\n")
        self.varve("cursor", self.log, "set", "backup", "10")
        self.assertEqual(json.loads(self.varve("cursor", self.log, "get", "backup", "--json"))["offset"], 10)

    def test_moves_forward_only_and_within_the_log(self):
        self.varve("cursor", self.log, "set", "backup", "4")
        self.varve("cursor", self.log, "set", "backup", "3", exits=OUT_OF_RANGE)
        self.assertIn("does not go back", self.stderr)
        self.varve("cursor", self.log, "set", "backup", "11", exits=OUT_OF_RANGE)
        self.varve("trim", self.log, "--before", "5")
        self.varve("cursor", self.log, "set", "late", "4", exits=OUT_OF_RANGE)
        self.assertEqual(self.varve("cursor", self.log, "get", "backup"), "4\n")

    def test_list_and_delete(self):
        self.assertEqual(self.varve("cursor", self.log, "list"), "")
        for name, offset in (("b", 2), ("a", 1)):
            self.varve("cursor", self.log, "set", name, str(offset))
        listed = json.loads(self.varve("cursor", self.log, "list", "--json"))
        self.assertEqual([(each["name"], each["offset"]) for each in listed], [("a", 1), ("b", 2)])
        self.assertRegex(self.varve("cursor", self.log, "list"), "a +offset 1, moved 20")
        self.varve("cursor", self.log, "delete", "a")
        self.varve("cursor", self.log, "get", "a", exits=FAILURE)
        self.assertIn("no cursor 'a'", self.stderr)

    def test_bad_input_is_answered(self):
        self.varve("cursor", self.log, "set", "a/b", "1", exits=USAGE)
        self.varve("cursor", self.log, "set", "a", exits=USAGE)
        self.varve("cursor", self.log, "get", exits=USAGE)
        self.varve("cursor", self.log, "get", "a", "7", exits=USAGE)
        self.varve("cursor", self.log, "list", "a", exits=USAGE)
        self.varve("cursor", self.log, "shove", "a", exits=USAGE)
        self.varve("cursor", f"file://{self.directory}/none", "list", exits=FAILURE)

    def test_verify_and_info_do_not_mind(self):
        self.varve("cursor", self.log, "set", "backup", "4")
        self.assertEqual(json.loads(self.varve("verify", self.log, "--json"))["findings"], [])
        next((self.directory / "log" / "cursors" / "backup").iterdir()).write_bytes(b"?")
        self.assertIn("cursor", self.varve("verify", self.log))
        self.assertEqual(self.varve("cat", self.log, "--from", "9"), "9\n")


class Trim(LogTest):
    def setUp(self):
        super().setUp()
        self.varve("append", self.log, "--batch-bytes", "64KiB", input="".join(f"{n:099}\n" for n in range(10_000)))

    def test_moves_the_start_and_deletes_below_it(self):
        before = len(self.objects())
        text = self.varve("trim", self.log, "--before", "9000")
        self.assertIn("starts at offset 9,000", text)
        self.assertLess(len(self.objects()), before)
        self.assertEqual(self.info()["start_offset"], 9000)
        self.assertTrue(self.varve("cat", self.log).startswith(f"{9000:099}\n"))
        self.varve("verify", self.log)

    def test_reading_below_the_start_names_the_range(self):
        self.varve("trim", self.log, "--before", "9000")
        self.varve("cat", self.log, "--from", "8999", exits=OUT_OF_RANGE)
        self.assertIn("9000", self.stderr.replace(",", ""))

    def test_backwards_changes_nothing(self):
        self.varve("trim", self.log, "--before", "9000")
        self.assertEqual(json.loads(self.varve("trim", self.log, "--before", "5", "--json"))["start_offset"], 9000)

    def test_everything(self):
        self.varve("trim", self.log, "--before", "10000")
        self.assertEqual(self.varve("cat", self.log), "")
        self.append("next")
        self.assertEqual(self.varve("cat", self.log, "--offsets"), "10000\tnext\n")

    def test_beyond_the_end_fences_nobody(self):
        epoch = self.info()["epoch"]
        self.varve("trim", self.log, "--before", "10001", exits=OUT_OF_RANGE)
        self.assertEqual(self.info()["epoch"], epoch)

    def test_creates_nothing(self):
        self.varve("trim", self.log + "2", "--before", "0", exits=FAILURE)
        self.assertFalse((self.directory / "log2").exists())


class Dump(LogTest):
    def test_each_way_to_name_an_object(self):
        self.append("one", "two")
        for path in self.objects():
            seq = int(path.name)
            by_file = self.varve("dump", str(path))
            self.assertEqual(by_file, self.varve("dump", f"{self.log}/wal/{path.name}"))
            self.assertEqual(by_file, self.varve("dump", f"{self.log}#{seq}"))
            self.assertIn(str(seq), by_file)

    def test_what_is_not_there(self):
        self.append("one")
        self.varve("dump", f"{self.log}#999999", exits=FAILURE)
        self.varve("dump", str(self.directory / "nothing"), exits=FAILURE)
        self.varve("dump", f"{self.log}#x", exits=USAGE)

    def test_anything_can_be_dumped(self):
        strange = self.directory / "strange"
        for content in (b"", b"\x89VARVE\r\n", bytes(1000)):
            strange.write_bytes(content)
            self.assertNotEqual(self.varve("dump", str(strange)), "")


class Verify(LogTest):
    def test_sound_log(self):
        self.append("one", "two")
        self.assertIn("sound: 2 records checked", self.varve("verify", self.log))
        report = json.loads(self.varve("verify", self.log, "--json"))
        self.assertEqual((report["sound"], report["records_checked"], report["info"]["end_offset"]), (True, 2, 2))


class Usage(LogTest):
    def test_help_has_examples(self):
        listed = re.search(r"Subcommands:\n(.*?)\n\n", self.varve("--help"), re.S)[1]
        commands = re.findall(r"^  ([a-z-]+) +[A-Z].*\.$", listed, re.M)
        self.assertEqual(len(commands), len(listed.splitlines()), "a name, a gap, and what it does")
        self.assertIn("serve-metrics", commands)
        for command in ([], *([command] for command in commands)):
            with self.subTest(command):
                self.assertIn("Examples:", self.varve(*command, "--help"))

    def test_version(self):
        self.assertRegex(self.varve("--version"), r"^varve \d+\.\d+\.\d+\n$")

    def test_nothing_at_all(self):
        self.varve(exits=USAGE)

    def test_mistyped_command(self):
        self.varve("apend", self.log, exits=USAGE)
        self.assertIn("did you mean 'append'?", self.stderr)
        self.varve("frobnicate", exits=USAGE)
        self.assertIn("append, cat, ", self.stderr)

    def test_unknown_option(self):
        self.varve("cat", self.log, "--frm", "1", exits=USAGE)
        self.assertIn("varve cat --help", self.stderr)

    def test_log_that_is_missing(self):
        self.varve("info", exits=USAGE)

    def test_path_instead_of_uri_says_how_to_write_it(self):
        self.varve("append", "mylog", exits=USAGE)
        self.assertRegex(self.stderr, r"'mylog'.*write file:///.*/mylog")
        self.varve("append", "/var/tmp/mylog", exits=USAGE)
        self.assertIn("write file:///var/tmp/mylog", self.stderr)

    def test_names_that_cannot_be(self):
        for log in ("", "ftp://host/log", "file://relative/log", "file:///", "file:///dir/../log", "file:///a//b",
                    "mem://", "mem://store", "file:///dir/log?frobnicate=1"):
            with self.subTest(log):
                self.varve("append", log, input="one\n", exits=USAGE)


class Bench(LogTest):
    def bench(self, workload: str, *options: str) -> dict:
        return json.loads(self.varve("bench", workload, "--store", "mem://bench", "--rounds", "1", "--json", *options))

    def test_append_has_its_figures_beside_every_baseline(self):
        plot = self.directory / "acks.svg"
        baselines = ["bare", "mutex", "unordered", "raw"]
        figures = self.bench("append", "--seconds", "0.1", "--record-bytes", "16-300", "--producers", "2", "--plot", str(plot),
                             *(word for name in baselines for word in ("--baseline", name)))
        for key in ["records_per_second", "bytes_per_second", "ack_p50_us", "ack_p99_us", "ack_p999_us", "puts_per_gib",
                    "cpu_seconds_per_gib", "peak_memory_bytes", "store_cost_usd"]:
            self.assertGreater(figures[key], 0, key)
        for name in baselines:
            self.assertGreater(figures[f"ratio_to_{name}"], 0, name)
        self.assertTrue(plot.read_text().startswith("<svg"))

    def test_recover_tail_and_open(self):
        self.assertGreater(self.bench("recover", "--seconds", "0.1")["ratio_to_raw"], 0)
        self.assertEqual(self.bench("tail", "--seconds", "0.1", "--records-per-second", "100")["records"], 10)
        few, more = self.bench("open", "--objects", "10", "--objects", "20", "--idle-seconds", "0.1")["logs"]
        self.assertEqual((few["objects"], more["objects"], few["idle_requests"]), (10, 20, 0))

    def test_sizes_that_are_none(self):
        self.varve("bench", "append", "--store", "mem://bench", "--record-bytes", "300-16", exits=USAGE)
        self.assertIn("the smaller size comes first", self.stderr)


if __name__ == "__main__":
    unittest.main()
