"""What MkDocs does to pages beside rendering them: generated parts, and links to files of the repository."""

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
}
_OUTWARD = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page, **_) -> str:
    """Put generated parts in place of their marks, and name files outside of docs/, which the site does not hold."""
    for mark, made in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, made())
    return _OUTWARD.sub(lambda link: _named(link, page.file.src_uri), markdown)


def on_post_build(config, **_) -> None:
    """Write the search index as a script, too: without it no script of a page works that is opened from a disk."""
    search = Path(config.site_dir) / "search"
    index = (search / "search_index.json").read_text(encoding="utf-8")
    (search / "search_index.js").write_text(f"var __index = {index}", encoding="utf-8")


def _named(link: re.Match[str], page: str) -> str:
    """The text of a link to a file of the repository, with the file's path where the text is another."""
    path = os.path.normpath(ROOT / "docs" / Path(page).parent / link[2])
    if not os.path.exists(path):
        raise FileNotFoundError(f"docs/{page} links to {link[2]}, and there is no such file")
    name = os.path.relpath(path, ROOT)
    return f"`{name}`" if link[1].strip("`") == name else f"{link[1]} (`{name}`)"
