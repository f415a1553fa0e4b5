"""The web page of `serve-metrics` and `append --metrics-port`, as a real browser draws it: headless Chromium."""
import sys
import unittest

from browser import CHROMIUM, Browser
from command import PATIENCE_S
from serving import MetricsTest

SKIPPED = 77  # as ctest has it


class Page(MetricsTest):
    def browse(self, url: str) -> Browser:
        browser = Browser(1100, 1500, PATIENCE_S)
        self.addCleanup(browser.close)
        browser.open(url)
        browser.wait_for('document.body?.dataset.drawn === "yes"')
        return browser

    def text_of(self, browser: Browser, name: str) -> str:
        return browser.value(f'document.getElementById("{name}").innerText')

    def test_it_draws_the_log_and_goes_on_drawing_it(self):
        for count in (40, 30, 20):
            self.append(*(f"record {i}" for i in range(count)))
        self.varve("trim", self.log, "--before", "45")
        self.varve("cursor", self.log, "set", "billing", "60")
        writer = self.serve("append", self.log, "--acks", "--metrics-port", "0")
        for durable in range(91, 131):
            writer.say("another record\n")
            writer.wait_for(f"durable {durable}\n")
        self.seen(writer.url)
        browser = self.browse(writer.url + "/")
        for kind in ("data", "seal", "void"):
            self.assertGreater(browser.value(f'document.querySelectorAll("#chain rect.{kind}").length'), 0, kind)
        for kind, text in (("start", "start 45"), ("end", "end 130")):
            browser.wait_for(f'document.querySelector("#chain svg").textContent.includes("{text}")')
            self.assertEqual(browser.value(f'document.querySelectorAll("#chain .mark-{kind}").length'), 1, kind)
        self.assertIn("130\nend offset", self.text_of(browser, "figures"))
        self.assertIn("billing", self.text_of(browser, "cursors"))
        self.assertIn("cost so far", self.text_of(browser, "store"))

        # What happens from now on is seen happening: the offset moves, and the plots have lines.
        for durable in range(131, 141):
            writer.say("one more\n")
            writer.wait_for(f"durable {durable}\n")
        browser.wait_for('document.getElementById("figures").innerText.includes("140\\nend offset")')
        for plot in ("records", "bytes", "upload", "requests"):
            browser.wait_for(f'document.querySelector("#plot-{plot} .line, #plot-{plot} .dot")')
        for plot in ("records", "bytes", "requests"):
            browser.wait_for(f'document.querySelector("#plot-{plot} polyline")?.points.length >= 2')
        self.assertIn("no errors", self.text_of(browser, "plot-requests"))
        self.assertRegex(self.text_of(browser, "plot-upload"), r"median [\d.]+ ms")
        picture = self.directory / "page.png"
        browser.picture(picture)
        self.assertGreater(picture.stat().st_size, 20_000)

        writer.interrupt()
        writer.end()
        browser.wait_for('document.getElementById("status").innerText.includes("does not answer")')
        refused = [text for text in browser.complaints if "ERR_CONNECTION" not in text]
        self.assertEqual(refused, [], "no errors, and nothing that the content security policy refused")

    def test_a_log_seen_from_outside_has_no_writers_plots(self):
        self.append("one", "two")
        serving = self.serve("serve-metrics", self.log, "--port", "0", "--interval", "100ms")
        self.seen(serving.url)
        browser = self.browse(serving.url + "/")
        self.assertTrue(browser.value('document.getElementById("writer-plots").hidden'))
        self.append("three", "four")
        browser.wait_for('document.querySelector("#plot-records polyline")')
        self.assertEqual(browser.complaints, [])

    def test_a_name_that_is_html_stays_a_name(self):
        self.log = f"file://{self.directory}/<img src=x onerror=alert(1)>"
        self.append("one")
        serving = self.serve("serve-metrics", self.log, "--port", "0")
        self.seen(serving.url)
        browser = self.browse(serving.url + "/")
        self.assertEqual(browser.value('document.querySelectorAll("img").length'), 0)
        self.assertIn("<img src=x", self.text_of(browser, "log-name"))


if __name__ == "__main__":
    if not CHROMIUM:
        print("NO BROWSER: the web page was NOT TRIED. Install it with: tools/install-packages browser", file=sys.stderr)
        sys.exit(SKIPPED)
    unittest.main()
