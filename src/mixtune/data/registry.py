"""The nine benchmarks: domain, negative label, licence, official counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..resources import resource


@dataclass(frozen=True)
class Benchmark:
    """Facts about a benchmark, known before any of its files is read.

    Attributes:
        title: Its name in papers.
        negative: Its own word for "no relation", or None where it has none.
        closed: Whether a label outside the inventory is an error, rather than counted and kept.
        official: Official number of examples and of different labels (None: not known) per split, by the row
            rules of the readers; under `{value}/{split}` where an option of the reader changes them.
        copied_rows: Test rows of the copy on the hub that the paper evaluated on.
        variants: The probable variant of a file, by a number of its rows or one of its labels.
        options: Options of the config that its reader takes.
        native: Names of the native files, for messages.
        remedy: The remedy where the files are missing.
        redistributable_as: The hub's identifier of its licence where that permits redistribution; "" where it
            does not, or where none is known for certain.
    """

    name: str
    title: str
    domain: str
    negative: str | None
    closed: bool
    licence: str
    official: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    copied_rows: int | None = None
    variants: Mapping[int | str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    native: str = ""
    remedy: str = ""
    redistributable_as: str = ""

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Return the label inventory that ships, in its documented order; None where the train split gives it."""
        for path in (resource("labels", f"{self.name}.txt"), resource("labels", f"{self.name}.json")):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                return tuple(json.loads(text).values() if path.suffix == ".json" else text.splitlines())
        return None


_NYT_STAR = "NYT* (last words only), which keeps the last word of each mention; take NYT with whole mentions"
_NYT_DISTINCT = (
    "NYT24 without the triples that a sentence repeats; take PRGC's files, or do not compare scores with published ones"
)
_BEKOULIS = "Bekoulis' division of CoNLL04 (910 and 243 sentences); take SpERT's files (922 and 231)"
_BIOGRAPHICAL = "a label as the paper spells it; the release's own are in resources/labels/biographical.txt"

_BENCHMARKS = (
    Benchmark(
        "tacred", "TACRED", "general", "no_relation", True, "LDC2018T24 (licence of the LDC)",
        native="train.json, dev.json, test.json",
        remedy="TACRED is licensed by the LDC (LDC2018T24) and on no hub: put its train.json, dev.json and "
        "test.json where benchmarks.tacred.path points (benchmarks.tacred.origin: path)",
        official={"train": (68_124, 42), "validation": (22_631, 42), "test": (15_509, 42)},
        copied_rows=15_509,
        variants={"org:city_of_branch": "Re-TACRED, which renames and relabels; take TACRED (LDC2018T24)"},
    ),
    Benchmark(
        "semeval2010_task8", "SemEval-2010 Task 8", "general", "Other", True, "not stated by its hub copy",
        native="TRAIN_FILE.TXT, TEST_FILE_FULL.TXT",
        official={"train": (8_000, 19), "test": (2_717, 19)},
        copied_rows=2_717,
    ),
    Benchmark(
        "conll04", "CoNLL04", "general", None, True, "none stated",
        native="conll04_train.json, conll04_dev.json, conll04_test.json (SpERT's form)",
        official={"train": (1_283, 5), "validation": (343, 5), "test": (422, 5)},
        copied_rows=422,
        variants={1_273: _BEKOULIS, 353: _BEKOULIS},
    ),
    Benchmark(
        "nyt11", "NYT11", "general", None, True, "none stated; text of the New York Times (LDC2008T19)",
        native="train_triples.json, val_triples.json, test_triples.json (PRGC's form)",
        official={"validation": (8_489, 22), "test": (8_616, 22)},
        copied_rows=8_616,
        variants={
            7_976: _NYT_STAR,
            8_110: _NYT_STAR,
            7_985: _NYT_DISTINCT,
            8_120: _NYT_DISTINCT,
            "None": "CoType's NYT, which has a negative label; take NYT24 with exact mentions",
            "NA": "NYT10, which has a negative label; take NYT24 with exact mentions",
        },
    ),
    Benchmark(
        "gids", "GIDS", "general", "NA", True, "none stated; the hub copy says other",
        native="train.tsv, dev.tsv, test.tsv",
        official={"validation": (1_864, 5), "test": (5_663, 5)},
        copied_rows=5_663,
        variants={
            "/people/person/education./education/education/degrees":
            "the spelling of relation2id.txt; the data's own is .../degree",
        },
    ),
    Benchmark(
        "re_docred", "Re-DocRED", "general", None, True, "MIT",
        native="train_revised.json, dev_revised.json, test_revised.json",
        redistributable_as="mit",
        official={
            "validation": (12_524, 94), "test": (12_693, 92),
            "document/validation": (17_284, 95), "document/test": (17_448, 95),
        },
        copied_rows=12_693,
        options=("unit", "negative_share"),
    ),
    Benchmark(
        "rebel", "REBEL", "general", None, False, "CC BY-NC-SA 4.0 (the stricter of two statements)",
        native="en_train.jsonl, en_val.jsonl, en_test.jsonl",
        redistributable_as="cc-by-nc-sa-4.0",
        copied_rows=7_503,
    ),
    Benchmark(
        "biographical", "Biographical", "literary", "Other", True, "CC BY-SA 4.0 (by its first author)",
        native="m2_train.tsv, m2_test.tsv (m2_gold.tsv for the human labels)",
        redistributable_as="cc-by-sa-4.0",
        official={"human/test": (2_900, None)},
        copied_rows=31_492,
        variants=dict.fromkeys(("birthplace", "deathplace", "ofParent", "hasChild"), _BIOGRAPHICAL),
        options=("annotation",),
    ),
    Benchmark(
        "pg_fiction", "PG-Fiction", "literary", "none", False, "MIT",
        native="train.csv (the rows of Despina/project_gutenberg)",
        redistributable_as="mit",
        copied_rows=8_144,
    ),
)  # fmt: skip

REGISTRY: Mapping[str, Benchmark] = {benchmark.name: benchmark for benchmark in _BENCHMARKS}
