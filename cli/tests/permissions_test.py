"""The permissions of docs/operations.md, given to people on a real S3 server: enough for the work, and not for more."""
import contextlib
import json
import os
import re
import unittest
from pathlib import Path

import gateway
from command import UNAVAILABLE, LogTest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def statements() -> dict[str, list[dict]]:
    """The page's policies, by whom they are for."""
    found = {}
    for text in re.findall(r"```json\n(.*?)```", PAGE, re.S):
        policy = json.loads(text)
        found[policy["Statement"][0]["Sid"]] = policy["Statement"]
    return {"writer": found["VarveWriterObjects"], "reader": found["VarveReaderObjects"]}


class Permissions(LogTest):
    def setUp(self) -> None:
        super().setUp()
        self.team = self.directory.name
        self.log = f"s3://{os.environ['S3_BUCKET']}/{self.team}/orders"
        self.people = {who: gateway.make_user(f"{self.team}-{who}") for who in ("writer", "reader", "stranger")}
        given = []
        for who, rights in statements().items():
            text = json.dumps(rights).replace("BUCKET", os.environ["S3_BUCKET"]).replace("orders/", f"{self.team}/orders/")
            given += [{**right, "Sid": f"{who}{i}", "Principal": {"AWS": [f"arn:aws:iam:::user/{self.team}-{who}"]}}
                      for i, right in enumerate(json.loads(text))]
        gateway.set_policy({"Version": "2012-10-17", "Statement": given})
        self.addCleanup(gateway.drop_policy)

    @contextlib.contextmanager
    def as_one(self, who: str):
        before = {name: os.environ[name] for name in self.people[who]}
        os.environ.update(self.people[who])
        try:
            yield
        finally:
            os.environ.update(before)

    def test_each_can_do_his_work_and_no_more(self):
        with self.as_one("stranger"):
            self.varve("append", self.log, input="mine\n", exits=UNAVAILABLE)
        with self.as_one("writer"):
            self.append("one", "two", "three")
            self.append("four")
            self.varve("trim", self.log, "--before", "1")
            self.varve("doctor", self.log, "--quick")  # keeps below the log
            self.varve("append", self.log + "2", input="elsewhere\n", exits=UNAVAILABLE)
        with self.as_one("reader"):
            self.assertEqual(self.varve("cat", self.log, "--from", "1"), "two\nthree\nfour\n")
            self.assertEqual(self.varve("get", self.log, "2"), "three\n")
            self.varve("verify", self.log)
            self.assertEqual(self.info()["end_offset"], 4)
            self.assertEqual(self.varve("cat", self.log, "--cursor", "billing", "--count", "2"), "two\nthree\n")
            self.assertEqual(self.varve("cat", self.log, "--cursor", "billing"), "four\n")
            self.varve("cursor", self.log, "delete", "billing")
            for refused in (["append"], ["trim", "--before", "2"]):
                with self.subTest(refused):
                    self.varve(refused[0], self.log, *refused[1:], input="x\n", exits=UNAVAILABLE)
                    self.assertIn("denied", self.stderr.lower())
        with self.as_one("stranger"):
            for refused in ("cat", "info", "verify"):
                self.varve(refused, self.log, exits=UNAVAILABLE)
                self.assertIn("denied", self.stderr.lower())
        with self.as_one("writer"):
            self.assertEqual(self.varve("cat", self.log), "two\nthree\nfour\n")
            self.append("goes on")


if __name__ == "__main__":
    gateway.find_or_skip()
    unittest.main()
