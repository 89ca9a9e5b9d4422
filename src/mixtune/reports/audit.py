"""The tables of the data: benchmarks, mixtures, overlap and lengths."""

import time
from collections.abc import Sequence
from pathlib import Path

from ..artifacts.run_cards import write_table_card
from .markdown import write_table
from .settings import AuditSettings
from .tables import data


def audit(
    settings: AuditSettings,
    benchmarks: Sequence[Path],
    mixtures: Sequence[Path],
    rendered: Sequence[Path],
    folder: Path,
) -> None:
    """Write the tables of the data as CSV and Markdown, and a run card.

    Args:
        settings: The job's settings.
        benchmarks: Manifests of the prepared benchmarks.
        mixtures: Manifests of the mixtures.
        rendered: Manifests of the rendered rows.
        folder: Folder of the tables.
    """
    begin, prepared = time.monotonic(), [path.parent for path in benchmarks]
    write_table(folder / "data", data.data(prepared, settings.domains))
    write_table(folder / "mixtures", data.mixtures(mixtures))
    write_table(folder / "overlap", data.overlap([path.parent for path in mixtures], prepared))
    write_table(folder / "lengths", data.lengths(rendered))
    names, inputs = ("data", "mixtures", "overlap", "lengths"), [*benchmarks, *mixtures, *rendered]
    write_table_card("audit", folder / "run_card_data.json", names, settings, inputs, begin)
