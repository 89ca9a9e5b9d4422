"""Which inputs and settings a result came from, back to the data sources, and what has changed since."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..artifacts.manifests import file_sha256, read_json
from ..artifacts.run_cards import contents
from ..errors import UserError
from .code_hash import of_job
from .snakemake_records import Record, record

LARGE = 256 * 2**20  # bytes of a file that is hashed only if all are
OURS = ("results", "reports")


@dataclass
class Node:
    """A file, or a folder of native files, and where it came from.

    Attributes:
        rule: What made it; "" for a source.
        settings: The resolved settings of the job.
        facts: When and by what it was made, a sentence each.
        changes: What is not any more as it was then, a sentence each.
        inputs: Where it came from; a file that several came from is one node.
    """

    path: Path
    rule: str = ""
    settings: dict[str, Any] | None = None
    facts: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    inputs: list["Node"] = field(default_factory=list)


def trace(asked: Path, hash_all: bool = False) -> Node:
    """The tree of what a file below results/ or reports/ came from; for a folder, of its manifest.

    Args:
        hash_all: Whether files of any size are compared with the SHA-256 that was noted of them.

    Raises:
        UserError: There is no such file, or nothing tells where it came from.
    """
    path = asked.absolute()
    path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    if path.is_dir():
        path = path / "manifest.json"
    if not path.is_file():
        raise UserError(f"there is no file {path}; give one below results/ or reports/ of this folder ({Path.cwd()})")
    node = _node(path, {}, hash_all)
    if not node.rule:
        raise UserError(
            f"nothing tells where {path} came from: neither Snakemake's records (.snakemake/metadata) nor a manifest "
            "or run card beside it; give an output of the workflow, as reports/tables/matrix.csv"
        )
    return node


def _node(path: Path, known: dict[Path, Node], hash_all: bool) -> Node:
    if path in known:
        return known[path]
    node = known[path] = Node(path)
    manifest = _manifest_of(path)
    found = record(path) or (record(manifest) if manifest else None)
    card = _card_of(path, manifest, found)
    if not found and not card:
        return node
    if found:
        node.rule, node.settings = found.rule, found.settings
        node.facts.append(f"made {_when(found.started)} in {max(found.ended - found.started, 0):.0f} s")
        inputs = found.inputs
        node.changes += _changed_inputs(found)
    else:
        node.rule, node.settings = card["rule"], card["settings"]
        node.facts.append("Snakemake has no record of it (.snakemake/metadata): this is from its run card")
        inputs = card["inputs"]
        node.changes += [
            f"input {name} {'is gone' if not Path(name).is_file() else 'has other contents now'}"
            for name, then in inputs.items()
            if not Path(name).is_file() or contents(Path(name)) != then
        ]
    node.facts += _card_facts(card) if card else []
    node.facts += [f"commit {read_json(path)['commit']}"] if manifest == path and read_json(path).get("commit") else []
    for file, sha in _noted(path, manifest, card):
        if not file.is_file():
            node.changes.append(f"{file.name} is gone")
        elif not hash_all and file.stat().st_size > LARGE:
            node.facts.append(f"{file.name} not compared: it is large (--all compares it)")
        elif file_sha256(file) != sha:
            node.changes.append(f"{file.name} has other contents now")
    code = (node.settings or {}).get("code")
    if code and (now := _code_now(node.rule, node.settings)) != code:
        node.changes.append(f"the code of {node.rule} means something else now: {now}, was {code}")
    node.inputs = [_node(one, known, hash_all) for one in _whole(inputs)] + list(_sources(inputs))
    return node


def _manifest_of(path: Path) -> Path | None:
    """The manifest that a file is, or that names it."""
    for folder in path.parents[:3]:
        manifest = folder / "manifest.json"
        if manifest.is_file() and (manifest == path or path in dict(_files(manifest))):
            return manifest
    return None


def _files(manifest: Path) -> Iterator[tuple[Path, str]]:
    """Places and SHA-256 of the files that a manifest names."""
    told, folder = read_json(manifest), manifest.parent
    if (folder / "files").is_dir():  # of a copy from the hub
        folder = folder / "files"
    for name, sha in told["files"].items():
        yield Path(told.get("folder", folder)) / name, sha


def _card_of(path: Path, manifest: Path | None, found: Record | None) -> dict[str, Any] | None:
    """The run card of a file: beside its manifest, or one that names it."""
    for card in sorted((manifest or path).parent.glob("run_card*.json")):
        told = read_json(card)
        if "rule" in told and (manifest or card == path or path.name in told.get("files", {})):
            return told if not found or told["settings"] == found.settings else None
    return None


def _noted(path: Path, manifest: Path | None, card: dict[str, Any] | None) -> Iterator[tuple[Path, str]]:
    """Places and SHA-256 of a manifest's files, or of the file itself, as noted when they were made."""
    if manifest:
        yield from ((file, sha) for file, sha in _files(manifest) if path in (manifest, file))
    elif card and path.name in card.get("files", {}):
        yield path, card["files"][path.name]


def _changed_inputs(found: Record) -> Iterator[str]:
    for name in found.inputs:
        path = Path(name)
        if not path.exists():
            yield f"input {name} is gone"
        elif name in found.checksums:
            if file_sha256(path) != found.checksums[name]:
                yield f"input {name} has other contents now"
        elif path.stat().st_mtime > found.ended:
            yield f"input {name} has been written since (it is too large for Snakemake to note its contents)"


def _whole(inputs: Iterable[str]) -> list[Path]:
    """Inputs that the workflow made, but for those that a manifest among them names."""
    ours = [Path(name) for name in inputs if Path(name).parts[0] in OURS]
    named = {
        manifest.parent / name
        for manifest in ours
        if manifest.name == "manifest.json" and manifest.is_file()
        for name in read_json(manifest)["files"]
    }
    return [path for path in ours if path not in named]


def _sources(inputs: Iterable[str]) -> Iterator[Node]:
    """Inputs that the workflow did not make, by their folders."""
    folders = defaultdict(list)
    for path in map(Path, inputs):
        if path.parts[0] not in OURS:
            folders[path.parent].append(path.name)
    for folder, names in folders.items():
        yield Node(folder, facts=[f"native files: {', '.join(names)}"])


def _card_facts(card: dict[str, Any]) -> Iterator[str]:
    code = card["code"]
    checkout = f" at commit {code['commit']}{', with changes' if code['changed'] else ''}" if code["commit"] else ""
    yield f"by mixtune {code['version'] or '(not installed)'}{checkout}; " + ", ".join(
        f"{name} {version}" for name, version in card["versions"].items()
    )
    if "device" in card:
        yield f"on {card['device']}, {card['dtype'].removeprefix('torch.')}, {card['threads']} threads"
    if card.get("tokens_per_second"):
        yield (
            f"{card['examples_seen']} examples in {card['seconds']} s ({card['loading_seconds']} s to load), "
            f"{card['examples_per_second']} examples and {card['tokens_per_second']} tokens a second"
        )
    for key, what in (("peak_rss_bytes", "of the host"), ("peak_gpu_bytes", "of the device")):
        if card.get(key):
            yield f"at most {card[key] / 2**30:.2f} GiB {what}"


def _code_now(rule: str, settings: dict[str, Any]) -> str:
    try:
        return of_job(rule, settings)
    except FileNotFoundError:
        return "no such script"


def _when(seconds: float) -> str:
    return time.strftime("%F %T", time.localtime(seconds))
