"""CITATION.cff as BibTeX."""

from collections.abc import Mapping
from typing import Any


def bibtex(cff: Mapping[str, Any]) -> str:
    """BibTeX of the software and of what it refers to, from the contents of a CITATION.cff."""

    def entry(kind: str, key: str, work: Mapping[str, Any], **fields: str) -> str:
        names = [
            author.get("name") or f"{author['family-names']}, {author['given-names']}" for author in work["authors"]
        ]
        fields = {"title": f"{{{work['title']}}}", "author": " and ".join(f"{{{name}}}" for name in names), **fields}
        return f"@{kind}{{{key},\n" + "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items()) + "}"

    entries = [entry("software", cff["title"], cff, version=cff["version"])]
    for reference in cff["references"]:
        arxiv = next(one["value"] for one in reference["identifiers"]).removeprefix("arXiv:")
        fields = {"eprint": arxiv, "archiveprefix": "arXiv", "url": f"https://arxiv.org/abs/{arxiv}"}
        entries.append(entry("misc", f"arxiv{arxiv}", reference, **fields))
    return "\n\n".join(entries)
