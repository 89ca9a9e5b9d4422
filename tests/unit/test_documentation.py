"""The documentation is built without a warning, and says what there is: keys, commands, options, files."""

import argparse
import html
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import snakemake.cli
import yaml
from pydantic import BaseModel
from snakemake.utils import update_config

from mixtune.cli import parser
from mixtune.config.config import Config, ConfigError, load
from mixtune.evaluation.scoring import score
from mixtune.prompts.messages import messages

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
COMMANDS = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "WARNING" not in run.stderr
    return folder


def text_of(markup: str) -> str:
    """What a reader sees of HTML, each run of white space one blank."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).split())


def sections(page: Path) -> dict[str, str]:
    """The text below each heading of a page up to the next, by the heading's anchor."""
    parts = re.split(r'<h[23] id="([^"]+)">.*?</h[23]>', page.read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], map(text_of, parts[2::2]), strict=True))


def keys(model, path=()):
    """Dotted paths of all keys of a model and the models in it, with their descriptions."""
    for name, field in model.model_fields.items():
        yield ".".join((*path, name)), field.description or ""
        yield from inside(field.annotation, (*path, name))


def inside(annotation, path):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from keys(annotation, path)
        return
    parts, kind = get_args(annotation), getattr(annotation, "__origin__", None)
    if kind is dict:
        yield from inside(parts[1], (*path, "N" if int in (parts[0], *get_args(parts[0])) else "NAME"))
    elif kind is list:
        yield from inside(parts[0], (*path[:-1], f"{path[-1]}[]"))
    else:
        for part in parts:
            yield from inside(part, path)


def typed(page: Path):
    """Commands in the code blocks of a page, as lists of words, without variables that are set before them."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^ {4}(?:\w+=\S+ )*((?:snakemake|mixtune|make) .*)", text, re.MULTILINE):
        yield shlex.split(line, comments=True)


def test_every_key_of_the_configuration_is_explained(site):
    found = sections(site / "config.html")
    assert {key for key, _ in keys(Config)} == {anchor for anchor in found if anchor != "__comments"}
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    commented = {line.split(":")[0].strip() for above, line in itertools.pairwise(lines) if "# " in above}
    for key, description in keys(Config):
        text = found[key]
        if key.rpartition(".")[2] not in commented:
            assert " ".join(description.replace("`", "").split()) in text, key
        assert re.search(r"[a-z]{3,} .*[a-z]{3,}", text), key


def test_no_comment_of_the_configuration_is_lost(site):
    shown = text_of((site / "config.html").read_text(encoding="utf-8")).replace("`", "")
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for comment in re.findall(r"(?:^ *| )# *(.+)", text.partition("\n")[2], re.MULTILINE):
        assert " ".join(comment.replace("`", "").split()) in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented(site, command):
    text = sections(site / "cli.html")[command]
    for action in COMMANDS[command]._actions:
        for option in action.option_strings or [action.metavar or action.dest]:
            assert option in text
        assert " ".join((action.help or "").split(" (default")[0].replace("%(default)s", "").split()) in text


def test_every_make_target_is_documented(site):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = sections(site / "cli.html")["make"]
    for target in re.search(r"^\.PHONY: (.+)", makefile, re.MULTILINE)[1].split():
        assert f"make {target} " in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_can_be_typed(page):
    targets = re.findall(r"^([a-z.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for program, *words in typed(page):
        if program == "make":
            assert set(words) <= set(targets)
        else:  # exits where an option is unknown, or one is missing that must be given
            (parser() if program == "mixtune" else snakemake.cli.get_argument_parser()).parse_args(words)
        for option, value in itertools.pairwise(words):
            assert option != "--profile" or (ROOT / value).is_dir()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_configuration_are_valid(page):
    for example in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        problems = []
        for overlays in ([], ["demo.yaml"]):  # over the shipped matrix, or over the demo's
            config = {}
            for text in [*((ROOT / name).read_text(encoding="utf-8") for name in ["config.yaml", *overlays]), example]:
                update_config(config, yaml.safe_load(text))
            try:
                load(config)
            except ConfigError as error:
                problems.append(str(error))
        assert len(problems) < 2, f"{example}\n{problems}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_source_files_exist(page):
    """Modules are also named relative to src/mixtune; words in capitals are placeholders."""
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|smk)|(?:src|tests|workflow)/[a-z_/]+)`", page.read_text("utf-8"))
    assert [name for name in named if not any((ROOT / root / name).exists() for root in ("", "src/mixtune"))] == []


def test_the_documented_import_order_is_that_of_the_linter():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    order = re.findall(r"\w+", re.search(r"^    root <.+\n.+", page, re.MULTILINE)[0])
    assert order == ["root", *(layer.removeprefix("mixtune.") for layer in reversed(layers[:-1]))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor and path.suffix == ".md" and path.name not in ("config.md", "cli.md"):  # which strict building checks
            headings = re.findall(r"^#+ (.+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_site_fetches_nothing(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|img|iframe)[^>]* src="?([^" >]+)', text)
        fetched += re.findall(r'<link[^>]* rel="?(?:stylesheet|icon|preload)[^>]* href="?([^" >]+)', text)
        fetched += re.findall(r'<link[^>]* href="?([^" >]+)[^>]* rel="?(?:stylesheet|icon|preload)', text)
        assert fetched
        assert [address for address in fetched if "//" in address] == []
    assert (site / "search/search_index.js").is_file()  # without it, pages from a disk have no scripts


def test_the_prompt_on_its_page_is_the_prompt():
    page = (ROOT / "docs" / "prompt.md").read_text(encoding="utf-8")
    shown = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    labels = (ROOT / "resources/labels/conll04.txt").read_text(encoding="utf-8").split()
    query = ("Ada Byron was born in London.", "Ada Byron", "London")
    generic, schema = (messages(condition, labels, [], query) for condition in ("generic", "schema"))
    assert shown == [generic[0]["content"], schema[0]["content"], schema[1]["content"]]


def test_the_example_of_scoring_is_right():
    page = (ROOT / "docs" / "scoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`|nothing) \|", page, re.MULTILINE)
    found = score([gold for gold, _ in rows], [predicted for _, predicted in rows], {"NA"}, [])
    assert "tp = {tp}, fp = {fp} and fn = {fn}".format(**found) in page
    ratios = [int(part) / int(whole) for part, whole in re.findall(r"\b(\d)/(\d)\b", page)]
    assert ratios == [found[name] for name in ("precision", "recall", "micro_f1", "accuracy")]
