"""Record of the last run in this folder: its configuration and overlays, and the database of Snakemake's records.

The workflow writes it when jobs start, so that no command needs the overlays of a run.
"""

import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from ..artifacts.manifests import read_json
from ..config.config import Config, ConfigError, load
from ..errors import UserError

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

FOLDER = Path(".snakemake")
NAME = "mixtune-run.json"


class LastRun(TypedDict):
    """The last run that had jobs.

    Attributes:
        pid, host: Its process.
        time: Start of its first jobs, in seconds since the epoch.
        overlays: Files that were merged over config.yaml, in order.
        config: The merged configuration, `--config` included.
        database: URL of the database of Snakemake's records; None: they are files in .snakemake/.
    """

    pid: int
    host: str
    time: float
    overlays: Sequence[str]
    config: Mapping[str, object]
    database: str | None


def record(workflow: "Workflow", config: Mapping[str, object]) -> None:
    """Record that this process runs a workflow here, with this configuration."""
    write(config, list(map(str, workflow.overwrite_configfiles)), _database_url(workflow))


def write(config: Mapping[str, object], overlays: Sequence[str], database: str | None, folder: Path = FOLDER) -> None:
    """Write the record of a run by this process; the arguments are as for `LastRun`."""
    run = LastRun(
        pid=os.getpid(),
        host=socket.gethostname(),
        time=time.time(),
        overlays=overlays,
        config=config,
        database=database,
    )
    partial = folder / f"{NAME}.part"
    partial.write_text(json.dumps(run, default=str), encoding="utf-8")
    partial.replace(folder / NAME)


def _database_url(workflow: "Workflow") -> str | None:
    """Return the URL of the persistence database, without a password; None: the records are files."""
    settings = workflow.workflow_settings
    if settings is None or settings.persistence_backend.name != "DB":
        return None
    from sqlalchemy.engine.url import make_url

    url = settings.persistence_backend_db_url
    return make_url(url)._replace(password=None).render_as_string() if url else f"sqlite:///{FOLDER / 'metadata.db'}"


def read(folder: Path = FOLDER) -> LastRun | None:
    """Return the record of the last run; None if there is none.

    Raises:
        UserError: The file is not valid JSON.
    """
    path = folder / NAME
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


@lru_cache(maxsize=1)
def _read(path: Path, _time: int) -> LastRun:
    """Read a record once, although thousands of look-ups begin with it."""
    return read_json(path, LastRun)


def load_config(run: LastRun) -> Config:
    """Return the configuration of a recorded run.

    Raises:
        UserError: This version of mixtune does not accept it.
    """
    try:
        return load(dict(run["config"]))
    except ConfigError as error:
        raise UserError(
            f"{FOLDER / NAME}: this version of mixtune does not accept the configuration of the last run; give the "
            f"overlays of the matrix (--configfile), or start a run\n{error}"
        ) from None
