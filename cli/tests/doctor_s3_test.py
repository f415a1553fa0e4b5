"""varve doctor on a real S3 server (tools/rgw, started by ctest): what it finds, and how it ends when it finds nothing."""
import json
import os
import unittest

import gateway
from command import UNAVAILABLE, USAGE, LogTest


class DoctorOnS3(LogTest):
    def test_everything_is_well(self):
        found = json.loads(self.varve("doctor", f"s3://{os.environ['S3_BUCKET']}/team", "--quick", "--json"))
        self.assertTrue(found["usable"])
        verdicts = {one["capability"]: one["verdict"] for one in found["capabilities"]}
        self.assertEqual(set(verdicts.values()), {"ok"}, found["capabilities"])
        self.assertIn("clock", verdicts, "an S3 server tells its time")
        self.assertEqual(found["settings"]["puts_per_second"], 100)
        self.assertGreater(found["monthly_cost"]["puts"], 0)
        self.assertEqual(found["scratch_left"], 0)

    def test_a_bucket_that_is_not_there_refuses(self):
        self.varve("doctor", "s3://no-such-bucket", "--quick", exits=UNAVAILABLE)
        self.assertIn("create the bucket", self.stderr)

    def test_keys_that_are_not_known_are_refused(self):
        environment = os.environ["AWS_SECRET_ACCESS_KEY"]
        self.addCleanup(os.environ.__setitem__, "AWS_SECRET_ACCESS_KEY", environment)
        os.environ["AWS_SECRET_ACCESS_KEY"] = "wrong"
        self.varve("doctor", f"s3://{os.environ['S3_BUCKET']}", "--quick", exits=UNAVAILABLE)
        self.assertIn("the secret key does not belong to the access key", self.stderr)

    def test_nobody_there(self):
        self.varve("doctor", "s3://bucket?endpoint=http://127.0.0.1:1&deadline=200ms", "--quick", exits=UNAVAILABLE)
        self.assertIn("check the endpoint's name", self.stderr)

    def test_usage(self):
        self.varve("doctor", "s3://bucket?no_such=parameter", exits=USAGE)


if __name__ == "__main__":
    gateway.find_or_skip()
    unittest.main()
