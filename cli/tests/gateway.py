"""The real S3 server that ctest started (tools/rgw), for tests of the command."""
import datetime
import hashlib
import hmac
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

SKIPPED = 77
RGW = Path(__file__).resolve().parents[2] / "tools" / "rgw"


def find_or_skip() -> None:
    """Sets the environment as clients of the server need it. Ends the program where there is none."""
    said = Path(os.environ["VARVE_RGW_DIR"]) / "env"
    if not said.exists():
        print("SKIPPED: no S3 gateway to test on. Run make deps for Ceph's packages, and this by ctest.", file=sys.stderr)
        sys.exit(SKIPPED)
    for line in said.read_text().splitlines():
        name, value = line.removeprefix("export ").split("=", 1)
        os.environ[name] = value


def turn(verb: str) -> None:
    """`kill`: it is gone at once, what is stored stays. `up`: it is there again."""
    subprocess.run([RGW, verb, os.environ["VARVE_RGW_DIR"]], check=True, timeout=120, stdout=subprocess.DEVNULL)


def make_user(name: str) -> dict[str, str]:
    """Somebody who owns nothing and may do nothing; his credentials, as the environment has them."""
    made = subprocess.run(["radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}"], check=True,
                          capture_output=True, timeout=60,
                          env={**os.environ, "CEPH_CONF": os.environ["VARVE_RGW_DIR"] + "/ceph.conf"})
    key = json.loads(made.stdout)["keys"][0]
    return {"AWS_ACCESS_KEY_ID": key["access_key"], "AWS_SECRET_ACCESS_KEY": key["secret_key"]}


def delete(key: str) -> None:
    """Deletes an object behind Varve's back."""
    _request("DELETE", f"/{os.environ['S3_BUCKET']}/{key}")


def set_policy(policy: dict) -> None:
    """Of the bucket, in place of what was there."""
    _request("PUT", f"/{os.environ['S3_BUCKET']}", "policy=", json.dumps(policy).encode())


def drop_policy() -> None:
    _request("DELETE", f"/{os.environ['S3_BUCKET']}", "policy=")


def _request(method: str, path: str, query: str = "", body: bytes = b"") -> None:
    """As the owner of the bucket. (Signed as docs.aws.amazon.com, "Signature Version 4", says.)"""
    now = datetime.datetime.now(datetime.timezone.utc)
    host = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).netloc
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{now:%Y%m%d}/{os.environ['AWS_REGION']}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing_key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in [*scope.split("/"), text]:
        signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, Signature={signing_key.hex()}")
    del headers["host"]  # urllib's own
    url = f"http://{host}{path}" + (f"?{query}" if query else "")
    with urllib.request.urlopen(urllib.request.Request(url, data=body or None, method=method, headers=headers)):
        pass
