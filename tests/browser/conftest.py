"""The page in headless Chromium: without a network, and without an error."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mixtune.reports.page.page import page as write_page
from tests.browser import made_up

CHECKS = Path(__file__).with_name("checks.js")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Opened:
    """The page in a tab, and what went wrong in it."""

    tab: object
    folder: Path
    faults: list[str] = field(default_factory=list)

    def evaluate(self, script: str):
        """The value of a JavaScript expression."""
        return self.tab.evaluate(script)


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """A folder with the page of the paper's whole matrix, made up."""
    folder = tmp_path_factory.mktemp("full")
    files, logs = made_up.write(folder)
    write_page(made_up.PAGE, files, logs, folder / "reports" / "index.html")
    setup = made_up.PAGE.setup.model_copy(update={"variants": ["default", "low"]})
    varied = made_up.add_variant(files, folder / "reports" / "varied")
    write_page(made_up.PAGE.model_copy(update={"setup": setup}), varied, [], folder / "reports" / "varied.html")
    return folder


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        why = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("MIXTUNE_BROWSER") == "1":
            pytest.fail(f"MIXTUNE_BROWSER=1, but {why}")
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, as in containers; the page is ours and reaches no network.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture
def opened(browser, full):
    """Opens one, `opened(width=1400, theme="light", at="", name="index.html")`; at the end nothing may have failed."""
    pages = []

    def make(width: int = 1400, theme: str = "light", at: str = "", name: str = "index.html") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, offline=True)
        context.set_default_timeout(120_000)  # a busy machine is slow, not broken
        context.add_init_script(path=CHECKS)
        page = Opened(context.new_page(), full)
        file = (full / "reports" / name).as_uri()
        page.tab.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.tab.on("pageerror", lambda error: page.faults.append(str(error)))
        page.tab.on("request", lambda sent: None if sent.url.startswith(file) else page.faults.append(sent.url))
        page.tab.on("dialog", lambda shown: (page.faults.append(shown.message), shown.dismiss()))
        page.tab.goto(file + at)
        pages.append(page)
        page.tab.wait_for_selector("html[data-ready], html[data-broken]", state="attached")
        assert page.faults == []
        return page

    yield make
    for page in pages:
        page.tab.context.close()
    assert [fault for page in pages for fault in page.faults] == []
