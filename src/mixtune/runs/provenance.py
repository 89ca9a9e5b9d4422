"""Provenance of a result: the inputs and settings that it came from, back to the data sources, and changes since."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from .. import layout
from ..artifacts.manifests import Manifest, file_sha256, read_json
from ..artifacts.run_cards import MeasuredCard, RunCard, content_hashes
from ..errors import UserError
from .code_hash import of_job
from .snakemake_records import Record, read_record

LARGE = 256 * 2**20  # bytes; larger files are hashed only on request
OURS = (str(layout.RESULTS), str(layout.REPORTS))


class _Manifest(Manifest, total=False):
    """The entries of manifests that say where files came from: a model's folder, the commit of a download."""

    folder: str
    commit: str | None


@dataclass
class Node:
    """A file, or a folder of native files, and its provenance.

    Attributes:
        rule: The rule that made it; "" for a source.
        settings: The resolved settings of the job.
        facts: Time, versions and costs of the job, one sentence each.
        changes: Changes of files, inputs and code since then, one sentence each.
        inputs: The files that it came from; a file with several outputs is one node.
    """

    path: Path
    rule: str = ""
    settings: Mapping[str, object] | None = None
    facts: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    inputs: list["Node"] = field(default_factory=list)


def trace(file: Path, hash_all: bool = False) -> Node:
    """Return the provenance tree of a file below results/ or reports/; for a folder, of its manifest.

    Args:
        hash_all: Whether to compare also large files with their recorded SHA-256.

    Raises:
        UserError: The file does not exist, or its provenance was not recorded.
    """
    path = file.absolute()
    path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    if path.is_dir():
        path = path / "manifest.json"
    if not path.is_file():
        raise UserError(f"{path} not found; give a file below results/ or reports/ of this folder ({Path.cwd()})")
    node = _trace(path, {}, hash_all)
    if not node.rule:
        raise UserError(
            f"{path}: provenance not found, neither in Snakemake's records nor in a manifest or "
            "run card in its folder; give an output of the workflow, e.g. reports/tables/matrix.csv"
        )
    return node


def _trace(path: Path, nodes: dict[Path, Node], hash_all: bool) -> Node:
    """Return the node of a file, which is one of `nodes` or becomes one."""
    if path in nodes:
        return nodes[path]
    node = nodes[path] = Node(path)
    manifest = _find_manifest(path)
    record = read_record(path) or (read_record(manifest) if manifest else None)
    card = _find_card(path, manifest, record)
    if record:
        node.rule, node.settings, inputs = record.rule, record.settings, record.inputs
        started = time.strftime("%F %T", time.localtime(record.started))
        node.facts.append(f"made {started} in {max(record.ended - record.started, 0):.0f} s")
        node.changes += _compare_with_record(record)
    elif card:
        node.rule, node.settings, inputs = card["rule"], card["settings"], card["inputs"]
        node.facts.append("Snakemake has no record of it: this is from its run card")
        node.changes += _compare_with_card(inputs)
    else:
        return node
    node.facts += _describe_card(card) if card else []
    if manifest == path and (commit := read_json(path, _Manifest).get("commit")):
        node.facts.append(f"commit {commit}")
    _compare_files(node, _read_hashes(path, manifest, card), hash_all)
    _compare_code(node)
    node.inputs = [_trace(source, nodes, hash_all) for source in _select_made(inputs)] + list(_group_native(inputs))
    return node


def _compare_files(node: Node, files: Iterable[tuple[Path, str]], hash_all: bool) -> None:
    """Compare files with their recorded SHA-256."""
    for file, sha in files:
        if not file.is_file():
            node.changes.append(f"{file.name} is missing")
        elif not hash_all and file.stat().st_size > LARGE:
            node.facts.append(f"{file.name} not compared: it is large (--all compares it)")
        elif file_sha256(file) != sha:
            node.changes.append(f"{file.name} has changed")


def _compare_code(node: Node) -> None:
    """Compare the recorded hash of a job's code with that of the current code."""
    code = node.settings.get("code") if node.settings else None
    if node.settings and code and (now := _code_now(node.rule, node.settings)) != code:
        node.changes.append(f"the code of rule {node.rule} has changed: now {now}, was {code}")


def _find_manifest(path: Path) -> Path | None:
    """Return the manifest that a file is, or that names it."""
    for folder in path.parents[:3]:
        manifest = folder / "manifest.json"
        if manifest.is_file() and (manifest == path or path in dict(_read_manifest(manifest))):
            return manifest
    return None


def _read_manifest(manifest: Path) -> Iterator[tuple[Path, str]]:
    """Yield the paths and SHA-256 of the files that a manifest names."""
    content, folder = read_json(manifest, _Manifest), manifest.parent
    if (folder / "files").is_dir():  # of a copy from the hub
        folder = folder / "files"
    for name, sha in content["files"].items():
        yield Path(content.get("folder", folder)) / name, sha


def _find_card(path: Path, manifest: Path | None, record: Record | None) -> RunCard | None:
    """Return the run card of a file: next to its manifest, or one that names the file."""
    for file in sorted((manifest or path).parent.glob("run_card*.json")):
        card = read_json(file, RunCard)
        if "rule" in card and (manifest or file == path or path.name in card.get("files", {})):
            return card if not record or card["settings"] == record.settings else None
    return None


def _read_hashes(path: Path, manifest: Path | None, card: RunCard | None) -> Iterator[tuple[Path, str]]:
    """Yield the paths and recorded SHA-256 of a manifest's files, or of the file itself."""
    if manifest:
        yield from ((file, sha) for file, sha in _read_manifest(manifest) if path in (manifest, file))
    elif card and (sha := card.get("files", {}).get(path.name)):
        yield path, sha


def _compare_with_record(record: Record) -> Iterator[str]:
    for name in record.inputs:
        path = Path(name)
        if not path.exists():
            yield f"input {name} is missing"
        elif name in record.checksums:
            if file_sha256(path) != record.checksums[name]:
                yield f"input {name} has changed"
        elif path.stat().st_mtime > record.ended:
            yield f"input {name} was written since (Snakemake records no hash of a file of its size)"


def _compare_with_card(inputs: Mapping[str, object]) -> Iterator[str]:
    for name, recorded in inputs.items():
        if not Path(name).is_file():
            yield f"input {name} is missing"
        elif content_hashes(Path(name)) != recorded:
            yield f"input {name} has changed"


def _select_made(inputs: Iterable[str]) -> list[Path]:
    """Return the inputs that the workflow made, without those that a manifest among them names."""
    made = [Path(name) for name in inputs if Path(name).parts[0] in OURS]
    named = {
        manifest.parent / name
        for manifest in made
        if manifest.name == "manifest.json" and manifest.is_file()
        for name in read_json(manifest, Manifest)["files"]
    }
    return [path for path in made if path not in named]


def _group_native(inputs: Iterable[str]) -> Iterator[Node]:
    """Yield the inputs that the workflow did not make, one node per folder."""
    folders = defaultdict(list)
    for path in map(Path, inputs):
        if path.parts[0] not in OURS:
            folders[path.parent].append(path.name)
    for folder, names in folders.items():
        yield Node(folder, facts=[f"native files: {', '.join(names)}"])


def _describe_card(card: RunCard) -> Iterator[str]:
    """Yield the versions, device and costs in a run card, one sentence each."""
    code = card["code"]
    checkout = f" at commit {code['commit']}{', with changes' if code['changed'] else ''}" if code["commit"] else ""
    yield f"by mixtune {code['version'] or '(not installed)'}{checkout}; " + ", ".join(
        f"{name} {version}" for name, version in card["versions"].items()
    )
    measured = cast(MeasuredCard, card)  # where it has these entries
    if "device" in card:
        yield f"on {measured['device']}, {measured['dtype'].removeprefix('torch.')}, {measured['threads']} threads"
    if measured.get("tokens_per_second"):
        yield (
            f"{measured['examples_seen']} examples in {measured['seconds']} s ({measured['loading_seconds']} s to "
            f"load), {measured['examples_per_second']} examples and {measured['tokens_per_second']} tokens per second"
        )
    for peak, memory in ((measured.get("peak_rss_bytes"), "host"), (measured.get("peak_gpu_bytes"), "device")):
        if peak:
            yield f"peak {memory} memory {peak / 2**30:.2f} GiB"


def _code_now(rule: str, settings: Mapping[str, object]) -> str:
    try:
        return of_job(rule, settings)
    except FileNotFoundError:
        return "no such script"
