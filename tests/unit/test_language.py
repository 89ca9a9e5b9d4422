"""One language: the field's verbs and terms, in code, rules, configuration and documentation."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted(path for folder in ("src", "workflow") for path in (ROOT / folder).rglob("*.py"))
CHECKS = sorted(
    path for folder in ("tests", "perf") for path in (ROOT / folder).rglob("*.py") if path != Path(__file__)
)
TEXTS = sorted(
    path
    for pattern in ("*.md", "*.yaml", "Snakefile", "Makefile", "docs/**/*.md", "docs/**/*.yaml", "profiles/**/*.yaml",
                    "workflow/**/*.smk", "workflow/**/*.rst", "src/**/*.html", "src/**/*.js")
    for path in ROOT.glob(pattern)
)  # fmt: skip

# Verbs of people where a program acts, and places where things are related.
PRIVATE = re.compile(
    r"\b(ask|asks|asked|asking|tell|tells|told|telling|dice|beside|stands?|stood|standing|lies|lie|lay)\b(?!-ins?\b)",
    re.IGNORECASE,
)
# "rows a second" is "rows per second".
DISTRIBUTIVE = re.compile(
    r"\b(rows|tokens|examples|prompts|requests|pairs|jobs|cells|steps|files|scores|pixels|seconds|bytes|GiB)"
    r" an? (second|minute|hour|step|row|cell|model|benchmark|condition|system|pair|device|job|mixture|split|seed)\b"
)
FOR_EXAMPLE = re.compile(r"[(,;] as (when|where|if)\b")
INTERROGATIVE = re.compile(r"(What|How|Where|Which|Why|Who|When)\b")


def words(path):
    """Line number and text of all that a reader reads in a Python file: names, comments and strings."""
    readable = (tokenize.NAME, tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1))
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type in readable:
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield number, line.replace("_", " ")


def problems(lines, *patterns):
    return [
        f"line {number}: {match[0]!r} in {line.strip()[:100]!r}"
        for number, line in lines
        for pattern in patterns
        for match in pattern.finditer(line)
    ]


@pytest.mark.parametrize("path", [*CODE, *CHECKS], ids=lambda path: str(path.relative_to(ROOT)))
def test_code_speaks_the_language_of_the_field(path):
    assert problems(words(path), PRIVATE, DISTRIBUTIVE, FOR_EXAMPLE) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_speak_the_language_of_the_field(path):
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    assert problems(lines, PRIVATE, DISTRIBUTIVE, FOR_EXAMPLE) == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_describe_and_do_not_ask(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.FunctionDef))]
    docstrings = {getattr(node, "name", "module"): ast.get_docstring(node) or "" for node in nodes}
    assert {name: text for name, text in docstrings.items() if INTERROGATIVE.match(text)} == {}
