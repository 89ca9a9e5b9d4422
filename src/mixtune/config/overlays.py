"""Overlays of config.yaml: those of a command line and its profiles, merged by Snakemake's own functions.

Two slips would run another matrix than the one that was written: a second `--configfile` replaces the first one and
that of a profile, and in YAML a second key of the same name replaces the first. Both are errors here.
"""

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import yaml

from ..errors import UserError
from .config import Config, load

BASE = Path("config.yaml")

Source = tuple[str, Sequence[str]]  # an option or a profile, and the values that it gives


class Profile(TypedDict, total=False):
    """The settings of a Snakemake profile, as far as they are read here."""

    executor: str
    configfile: str | list[str]
    configfiles: str | list[str]
    resources: dict[str, int]


# Options of Snakemake that take several values, with their short or second names.
LISTS = {
    "--configfile": "--configfiles",
    "--config": "-C",
    "--until": "-U",
    "--omit-from": "-O",
    "--forcerun": "-R",
    "--resources": "--res",
    "--set-resources": "--set-resources",
    "--set-threads": "--set-threads",
    "--default-resources": "--default-res",
}


def check_folder() -> None:
    """Check that the current folder is one of mixtune.

    Raises:
        UserError: It has no config.yaml.
    """
    if not BASE.is_file():
        raise UserError(f"{Path.cwd()} is no folder of mixtune: {BASE} not found; change to one")


def check_sections(raw: Mapping[str, object]) -> None:
    """Check that a configuration has most sections: without them, it is that of another project.

    Raises:
        UserError: It lacks more than half of them.
    """
    sections = Config.model_fields
    missing = sections.keys() - raw.keys()
    if 2 * len(missing) > len(sections):
        raise UserError(
            f"{Path.cwd()} is no folder of mixtune: the configuration lacks {len(missing)} of {len(sections)} "
            "sections; change to one, with its own Snakefile and config.yaml"
        )


def check_command_line(words: Sequence[str], overlays: Iterable[Path]) -> None:
    """Check that a run of Snakemake reads all that its command line, profiles and overlays give.

    Args:
        words: Arguments of the process.
        overlays: The overlays that Snakemake has read.

    Raises:
        UserError: An option or key is given twice, of which only the last counts.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option, other in LISTS.items():
        parser.add_argument(*dict.fromkeys((option, other)), dest=option, nargs="*", action="append", default=[])
    parser.add_argument("--profile", action="append")
    parser.add_argument("--workflow-profile", default="default")
    args, _ = parser.parse_known_args(words[: words.index("--")] if "--" in words else words)
    named = args.profile or filter(None, [os.environ.get("SNAKEMAKE_PROFILE")])
    candidates = (Path(args.workflow_profile), Path("profiles", args.workflow_profile))
    profiles = [*named, *[str(path) for path in candidates if path.exists()][:1]]
    files = [file for name in profiles if name != "none" and (file := _profile_file(name))]
    for option in LISTS:
        of_profiles = [(str(file), _overlays(file)) for file in files if option == "--configfile"]
        select([*of_profiles, *of_option(getattr(args, option), option)], option)
    check_duplicates([path for path in (BASE, *overlays, *files) if path.is_file()])


def of_option(given: Iterable[Sequence[str]] | None, option: str = "--configfile") -> list[Source]:
    """Return the sources that the values of an option are, one per occurrence; None: it is not given."""
    return [(option, values) for values in given or ()]


def select(sources: Sequence[Source], option: str = "--configfile") -> Sequence[str]:
    """Return the values of the last source that gives some, usually overlays; Snakemake reads no others.

    >>> select([("profiles/demo", ["a.yaml"]), ("--configfile", ["a.yaml", "b.yaml"])])
    ['a.yaml', 'b.yaml']

    Raises:
        UserError: Another source gives a value that the last one does not.
    """
    sources = [source for source in sources if source[1]]
    selected = sources[-1][1] if sources else []
    read = set(map(os.path.normpath, selected))
    given = [(value, source) for source, values in sources for value in values]
    ignored = [
        value if source == option else f"{value} ({source})"
        for value, source in given
        if os.path.normpath(value) not in read
    ]
    if ignored:
        raise UserError(
            f"{option}: {', '.join(ignored)} would be ignored, since the last {option} replaces the others and that of "
            f"a profile; give all values to one: {option} {' '.join(dict.fromkeys(value for value, _ in given))}"
        )
    return selected


def check_duplicates(paths: Iterable[Path]) -> None:
    """Check that no mapping in YAML or JSON files has a key twice.

    Raises:
        UserError: With the place of each duplicate.
    """
    problems = [problem for path in paths for problem in _find_duplicates(path)]
    if problems:
        raise UserError("duplicate keys, of which only the last would count; merge or remove:\n" + "\n".join(problems))


def _find_duplicates(path: Path) -> Iterator[str]:
    # JSON, but not YAML, may be indented with tabs. Broken files are for whoever loads them.
    text = path.read_text(encoding="utf-8").replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return
    nodes, seen = [("", root)], set[int]()
    while nodes:
        name, node = nodes.pop(0)
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):  # an alias is a node once more
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += [(f"{name}[{index}]", value) for index, value in enumerate(node.value)]
            continue
        lines: dict[str, int] = {}
        for key, value in node.value:
            inner, line = f"{name}.{key.value}".removeprefix("."), key.start_mark.line + 1
            if inner in lines and key.value != "<<":
                yield f"  - {path}:{line}: {inner} is set on line {lines[inner]}, too"
            lines[inner] = line
            nodes.append((inner, value))


def _profile_file(name: str) -> Path | None:
    """Return the file of a profile, which is named as for Snakemake: by a folder, a file, or its name alone."""
    from snakemake.cli import get_profile_dir

    entry = get_profile_dir(name) if name else None
    return entry[1] if entry else None


def _load_profile(file: Path) -> Profile:
    try:
        profile: Profile = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{file}: not valid YAML ({error}); correct it") from None
    if not isinstance(profile, dict):
        raise UserError(f"{file}: not a mapping; correct it, or --profile")
    return profile


def _overlays(file: Path) -> list[str]:
    """Return the overlays that a profile names; a single one may be relative to its folder."""
    profile = _load_profile(file)
    names = profile.get("configfile") or profile.get("configfiles") or []
    if isinstance(names, list):
        return list(map(str, names))
    name = os.path.expanduser(os.path.expandvars(str(names)))
    return [str(file.parent / name) if (file.parent / name).exists() else name]


def read_profile(name: str | None) -> tuple[Profile, list[Source]]:
    """Return the settings of a profile, and the overlays that it names.

    Args:
        name: As for Snakemake: a folder, a file, or the name of a folder; None: no profile.

    Raises:
        UserError: It is not found or is not a mapping.
    """
    if name is None:
        return {}, []
    file = _profile_file(name)
    if file is None:
        raise UserError(f"{name or repr(name)}: profile.yaml not found; correct --profile")
    check_duplicates([file])
    return _load_profile(file), [(str(file), _overlays(file))]


def load_files(overlays: Iterable[str | Path]) -> Config:
    """Return the configuration of the current folder.

    Raises:
        UserError: A file is missing, is not a mapping or has duplicate keys, or the configuration has problems.
    """
    from snakemake.common.configfile import load_configfile
    from snakemake.exceptions import WorkflowError
    from snakemake.utils import update_config

    check_folder()
    raw: dict[str, object] = {}
    paths = [BASE, *map(Path, overlays)]
    for path in paths:
        try:
            update_config(raw, load_configfile(str(path)))
        except FileNotFoundError:
            raise UserError(f"{path} not found; correct --configfile") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}); correct --configfile") from None
        except WorkflowError as error:
            raise UserError(f"{path}: {error}") from None
    check_duplicates(paths)
    check_sections(raw)
    return load(raw)
