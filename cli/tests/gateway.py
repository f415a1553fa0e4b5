"""The real S3 server that ctest started (tools/rgw), for tests of the command."""
import datetime
import hashlib
import hmac
import os
import sys
import urllib.parse
import urllib.request
from pathlib import Path

SKIPPED = 77


def find_or_skip() -> None:
    """Sets the environment as clients of the server need it. Ends the program where there is none."""
    said = Path(os.environ["VARVE_RGW_DIR"]) / "env"
    if not said.exists():
        print("SKIPPED: no S3 gateway to test on. Run make deps for Ceph's packages, and this by ctest.", file=sys.stderr)
        sys.exit(SKIPPED)
    for line in said.read_text().splitlines():
        name, value = line.removeprefix("export ").split("=", 1)
        os.environ[name] = value


def delete(key: str) -> None:
    """Deletes an object behind Varve's back. (Signed as docs.aws.amazon.com, "Signature Version 4", says.)"""
    now = datetime.datetime.now(datetime.timezone.utc)
    host = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL_S3"]).netloc
    path = f"/{os.environ['S3_BUCKET']}/{key}"
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"DELETE\n{path}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{now:%Y%m%d}/{os.environ['AWS_REGION']}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing_key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in [*scope.split("/"), text]:
        signing_key = hmac.new(signing_key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
                                f"SignedHeaders={names}, Signature={signing_key.hex()}")
    del headers["host"]  # urllib's own
    with urllib.request.urlopen(urllib.request.Request(f"http://{host}{path}", method="DELETE", headers=headers)):
        pass
