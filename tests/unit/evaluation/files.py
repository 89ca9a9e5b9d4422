"""Benchmarks and predictions on disk, for tests of what reads both."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mixtune.evaluation.intervals import intervals
from mixtune.evaluation.paired_tests import compare
from mixtune.evaluation.score import score
from mixtune.evaluation.settings import CompareSettings, IntervalsSettings, ScoreSettings
from mixtune.inference.predictions import write_predictions
from mixtune.reports.tables import scores as tables

LABELS = ["a", "b", "none"]
BENCHMARKS = {"gids": "general", "tacred": "general", "pg_fiction": "literary"}
SETTINGS = {
    "benchmarks": BENCHMARKS, "negatives": "benchmark", "resamples": 400, "level": 0.95,
    "cluster": False,
}  # fmt: skip
ROWS = 60


class Files:
    """Benchmarks and predictions in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.gold = {}
        for name in BENCHMARKS:
            rng = np.random.default_rng(len(name))
            ids = [f"{name}/test/{i}" for i in range(ROWS)]
            self.gold[name] = dict(zip(ids, rng.choice(LABELS, ROWS, p=[0.2, 0.2, 0.6]).tolist(), strict=True))
            path = folder / "benchmarks" / name
            path.mkdir(parents=True)
            groups = [f"document {i // 3}" for i in range(ROWS)]
            pq.write_table(pa.table({"id": ids, "group": groups}), path / "test.parquet")
            (path / "labels.json").write_text(json.dumps({"labels": LABELS, "negative": "none"}))
        self.benchmarks = {name: folder / "benchmarks" / name for name in BENCHMARKS}

    def predict(self, system, skill, seed=0, conditions=("schema",), ids=None, order=None):
        """Write a system's predictions, right with the probability `skill`."""
        for condition in conditions:
            for name, gold in self.gold.items():
                rng = np.random.default_rng([seed, len(name)])
                right, other = rng.random(ROWS) < skill, rng.choice([*LABELS, ""], ROWS)
                answers = {id: gold[id] if ok else str(o) for id, ok, o in zip(gold, right, other, strict=True)}
                chosen = list(gold)[:ids] if order is None else [list(gold)[i] for i in order]
                path = self.folder / "predictions" / system / condition / f"{name}.parquet"
                write_predictions(path, chosen, gold, [(answers[id], None) for id in chosen], LABELS)
        return self.folder / "predictions" / system

    def scores(self, *systems):
        """The table of scores of cells."""
        files = []
        for system in systems:
            model, mixture, shots, seed = system.split("/")
            facts = {"system": system, "kind": "cell", "model": model, "mixture": mixture}
            facts |= {"shots": int(shots[0]), "variant": "default", "seed": int(seed.removeprefix("seed-"))}
            output = self.folder / "scores.json"
            conditions = {"conditions": ["schema"], "benchmarks": list(BENCHMARKS), "negatives": "benchmark"}
            score(ScoreSettings(system=facts, **conditions), self.manifest(system), self.benchmarks, output)
            files.append(json.loads(output.read_text()))
        return tables.scores(files)

    def manifest(self, system):
        """The path of a manifest, in the folder of a system's predictions."""
        return self.folder / "predictions" / system / "manifest.json"

    def intervals(self, arm, *systems, **changes):
        """The content of a file of one arm."""
        output = self.folder / "intervals.json"
        one = {"arm": arm, "systems": systems, "conditions": ["schema"], "overall": list(BENCHMARKS), "excluded": []}
        one |= {key: changes.pop(key) for key in list(changes) if key in one}
        settings = IntervalsSettings(**{**SETTINGS, "arms": [one], **changes})
        intervals(settings, list(map(self.manifest, systems)), self.benchmarks, output)
        (file,) = json.loads(output.read_text())
        return file

    def compare(self, *comparisons, systems, **changes):
        comparisons = [{"where": {}, **comparison} for comparison in comparisons]
        families = {"comparisons": comparisons, "systems": {system: ["schema"] for system in systems}}
        settings = CompareSettings(**{**SETTINGS, **families, **changes})
        return compare(settings, self.folder / "predictions", self.benchmarks)


ONE, TWO = "small/mixtune/0-shot/seed-1", "small/mixtune/0-shot/seed-2"
SHOTS = {"name": "shots", "vary": "shots", "of": [0, 2]}
PAIR = ("small/mixtune/0-shot/seed-1", "small/mixtune/2-shot/seed-1")


def by(rows, **key):
    (row,) = [row for row in rows if all(row[name] == value for name, value in key.items())]
    return row
