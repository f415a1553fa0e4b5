"""The web page of `serve-metrics` and `append --metrics-port`, as a real browser draws it: headless Chromium.

VARVE_KEEP_PICTURE=1 renews the picture in docs/.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command import PATIENCE_S
from serving import MetricsTest

BROWSER = shutil.which("chromium")
PICTURE = Path(__file__).resolve().parent.parent.parent / "docs" / "page.png"
SKIPPED = 77  # as ctest has it


class Page(MetricsTest):
    def browse(self, url: str, *arguments: str) -> str:
        profile = tempfile.mkdtemp(prefix="varve-browser.")
        self.addCleanup(shutil.rmtree, profile, ignore_errors=True)
        done = subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                               f"--user-data-dir={profile}", "--window-size=1100,1180", "--virtual-time-budget=10000",
                               "--enable-logging=stderr", *arguments, url],
                              capture_output=True, timeout=4 * PATIENCE_S, check=True)
        self.console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return done.stdout.decode()

    def test_it_draws_the_log(self):
        for count in (40, 30, 20):
            self.append(*(f"record {i}" for i in range(count)))
        self.varve("trim", self.log, "--before", "45")
        self.varve("cursor", self.log, "set", "billing", "60")
        writer = self.serve("append", self.log, "--acks", "--metrics-port", "0")
        for durable in range(91, 131):
            writer.say("another record\n")
            writer.wait_for(f"durable {durable}\n")
        self.seen(writer.url)
        page = self.browse(writer.url, "--dump-dom")
        self.assertEqual(self.console, [], "no errors, and nothing that the content security policy refused")
        self.assertIn('data-drawn="yes"', page)
        for role in ("data", "seal"):
            self.assertRegex(page, rf'<rect class="{role}"')
        self.assertIn("mark-start", page)
        self.assertRegex(page, r"<b>130</b><span>end offset</span>")
        self.assertIn("<td>billing</td>", page)
        picture = self.directory / "page.png"
        self.browse(writer.url, f"--screenshot={picture}")
        self.assertGreater(picture.stat().st_size, 20_000)
        self.assertLess(picture.stat().st_size, 200_000)
        if os.environ.get("VARVE_KEEP_PICTURE"):
            shutil.copy(picture, PICTURE)

    def test_a_name_that_is_html_stays_a_name(self):
        self.log = f"file://{self.directory}/<img src=x onerror=alert(1)>"
        self.append("one")
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        self.seen(serving.url)
        page = self.browse(serving.url, "--dump-dom")
        self.assertNotIn("<img", page)
        self.assertIn("&lt;img src=x", page)


if __name__ == "__main__":
    if not BROWSER:
        print("NO BROWSER: the web page was NOT TRIED. Install it with: tools/install-packages browser", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main()
