"""MkDocs hooks: generated parts of pages, and links to files of the repository."""

import os
import re
from pathlib import Path

import commands
import config_keys

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {
    "<!-- generated: config keys -->": lambda: config_keys.page(ROOT),
    "<!-- generated: commands -->": commands.page,
    "<!-- generated: make targets -->": lambda: commands.targets(ROOT),
    "<!-- generated: contributing -->": lambda: _included("CONTRIBUTING.md"),
}
_OUTWARD = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page, **_) -> str:
    """Replace marks by generated parts, and links out of docs/, which the site does not contain, by paths."""
    for mark, generate in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, generate())
    return _OUTWARD.sub(lambda link: _named(link, page.file.src_uri), markdown)


def on_post_build(config, **_) -> None:
    """Write the search index as a script too: without it, scripts of pages opened from a disk do not work."""
    search = Path(config.site_dir) / "search"
    index = (search / "search_index.json").read_text(encoding="utf-8")
    (search / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")


def _included(name: str) -> str:
    """Return a page of the repository's root, with its links relative to docs/."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"\]\((?!https?:)(docs/)?", lambda link: "](" if link[1] else "](../", text)


def _named(link: re.Match[str], page: str) -> str:
    """Return the text of a link to a file of the repository, followed by the file's path if they differ."""
    path = os.path.normpath(ROOT / "docs" / Path(page).parent / link[2])
    if not os.path.exists(path):
        raise FileNotFoundError(f"docs/{page} links to {link[2]}: file not found")
    name = os.path.relpath(path, ROOT)
    return f"`{name}`" if link[1].strip("`") == name else f"{link[1]} (`{name}`)"
