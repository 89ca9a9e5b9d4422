"""Formats of the manifests of rendered rows."""

from typing import NotRequired, TypedDict

from ..artifacts.manifests import Manifest

RenderedCounts = TypedDict(
    "RenderedCounts",
    {
        "rows": int,
        "longest": int,
        "tokens": dict[str, int],
        "demonstrations cut": NotRequired[int],
        "text cut": NotRequired[int],
    },
)
"""See `files.write_rendered`."""


class RenderedManifest(Manifest):
    """manifest.json of rendered training rows: their counts by file."""

    rendered: dict[str, RenderedCounts]
    template_hash: str


class PromptsManifest(RenderedManifest):
    """manifest.json of rendered prompts: also the token ids of each benchmark's labels."""

    stop_ids: list[int]
    answers: dict[str, dict[str, list[int]]]
