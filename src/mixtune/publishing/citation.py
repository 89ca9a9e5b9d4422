"""BibTeX from CITATION.cff."""

from typing import NotRequired, TypedDict


class _Work(TypedDict):
    title: str
    authors: list[dict[str, str]]
    year: NotRequired[int]


class _Reference(_Work):
    identifiers: list[dict[str, str]]


class Citation(_Work):
    """Contents of a CITATION.cff, as far as BibTeX has them."""

    version: str
    references: list[_Reference]


def bibtex(cff: Citation) -> str:
    """Return BibTeX entries of the software and of its references, from the contents of a CITATION.cff.

    >>> cff = {"title": "mixtune", "version": "0.1.0", "authors": [{"name": "Ann"}], "references": []}
    >>> print(bibtex(cff))
    @software{mixtune,
      title = {{mixtune}},
      author = {{Ann}},
      version = {0.1.0},
    }
    """
    entries = [_entry("software", cff["title"], cff, version=cff["version"])]
    for reference in cff["references"]:
        arxiv = next(identifier["value"] for identifier in reference["identifiers"]).removeprefix("arXiv:")
        fields = {"eprint": arxiv, "archiveprefix": "arXiv", "url": f"https://arxiv.org/abs/{arxiv}"}
        entries.append(_entry("misc", f"arxiv{arxiv}", reference, **fields))
    return "\n\n".join(entries)


def _entry(kind: str, key: str, work: _Work, **fields: str) -> str:
    # Braces keep BibTeX from splitting the name of a group into given and family name.
    names = [
        f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"
        for author in work["authors"]
    ]
    year = {"year": str(work["year"])} if "year" in work else {}
    fields = {"title": f"{{{work['title']}}}", "author": " and ".join(names), **year, **fields}
    return f"@{kind}{{{key},\n" + "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items()) + "}"
