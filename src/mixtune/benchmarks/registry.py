"""The nine benchmarks: domain, negative label, licence, official counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..resources import resource


@dataclass(frozen=True)
class Benchmark:
    """What is known of a benchmark before any of its files is read.

    Attributes:
        title: Its name as papers print it.
        negative: Its own word for "no relation", or None where it has none.
        closed: Whether a label outside the inventory is an error, rather than counted and kept.
        rows: Official number of examples per split, by the row rules of the readers.
        native: Names of the native files, for messages.
        remedy: What to do where the files are missing.
    """

    name: str
    title: str
    domain: str
    negative: str | None
    closed: bool
    licence: str
    rows: Mapping[str, int] = field(default_factory=dict)
    native: str = ""
    remedy: str = ""

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The label inventory that ships, in its documented order; None where the train split gives it."""
        for path in (resource("labels", f"{self.name}.txt"), resource("labels", f"{self.name}.json")):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                return tuple(json.loads(text).values() if path.suffix == ".json" else text.splitlines())
        return None


def _benchmarks() -> tuple[Benchmark, ...]:
    return (
        Benchmark(
            "tacred", "TACRED", "general", "no_relation", True, "LDC2018T24 (licence of the LDC)",
            {"train": 68_124, "validation": 22_631, "test": 15_509}, "train.json, dev.json, test.json",
            "TACRED is licensed by the LDC (LDC2018T24) and on no hub: put its train.json, dev.json and test.json "
            "where benchmarks.tacred.path points (benchmarks.tacred.origin: path)",
        ),
        Benchmark(
            "semeval2010_task8", "SemEval-2010 Task 8", "general", "Other", True, "not stated by its hub copy",
            {"train": 8_000, "test": 2_717}, "TRAIN_FILE.TXT, TEST_FILE_FULL.TXT",
        ),
        Benchmark(
            "conll04", "CoNLL04", "general", None, True, "none stated",
            {"train": 1_283, "validation": 343, "test": 422},
            "conll04_train.json, conll04_dev.json, conll04_test.json (SpERT's form)",
        ),
        Benchmark(
            "nyt11", "NYT11", "general", None, True, "none stated; text of the New York Times (LDC2008T19)",
            {"validation": 8_489, "test": 8_616},
            "train_triples.json, val_triples.json, test_triples.json (PRGC's form)",
        ),
        Benchmark(
            "gids", "GIDS", "general", "NA", True, "none stated; the hub copy says other",
            {"validation": 1_864, "test": 5_663}, "train.tsv, dev.tsv, test.tsv",
        ),
        Benchmark(
            "re_docred", "Re-DocRED", "general", None, True, "MIT",
            {"validation": 12_524, "test": 12_693}, "train_revised.json, dev_revised.json, test_revised.json",
        ),
        Benchmark(
            "rebel", "REBEL", "general", None, False, "CC BY-NC-SA 4.0 (the stricter of two statements)",
            {}, "en_train.jsonl, en_val.jsonl, en_test.jsonl",
        ),
        Benchmark(
            "biographical", "Biographical", "literary", "Other", True, "CC BY-SA 4.0 (by its first author)",
            {}, "m2_train.tsv, m2_test.tsv",
        ),
        Benchmark(
            "pg_fiction", "PG-Fiction", "literary", "none", False, "MIT",
            {}, "train.csv (the rows of Despina/project_gutenberg)",
        ),
    )  # fmt: skip


REGISTRY: Mapping[str, Benchmark] = {benchmark.name: benchmark for benchmark in _benchmarks()}
