"""Problems between sections of the configuration."""

import pytest

from mixtune.config.config import load
from tests.unit.config.problems import BIG, LOCAL, RELEASED, problems, put


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("mixtune", 2, "hbu"), {}, "models.SmolLM3-3B.adapters.mixtune.2.hbu: unknown key; did you mean 'hub'?"),
        (
            ("mixtun",),
            {},
            "models.SmolLM3-3B.adapters: unknown name 'mixtun', not found under `mixtures`; did you mean 'mixtune'?",
        ),
        (
            ("mixtune", 2, "origin"),
            "path",
            "models.SmolLM3-3B.adapters.mixtune.2.origin: 'path' is chosen but "
            "models.SmolLM3-3B.adapters.mixtune.2.path is missing; set it or choose another origin",
        ),
    ],
    ids=["key", "mixture", "origin"],
)
def test_an_adapter_that_exists_is_checked(raw, path, value, problem):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: dict(RELEASED)}})
    put(raw, ("models", "SmolLM3-3B", "adapters", *path), value)
    assert problems(raw) == [problem]


def test_an_adapter_that_exists_is_one_seed(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED, 4: RELEASED}})
    raw["matrix"]["seeds"] = [42, 43]
    assert problems(raw) == [  # of four shots, the matrix has none
        "models.SmolLM3-3B.adapters.mixtune.2: a released adapter is one training run, but matrix.seeds lists 2; "
        "list one seed, or remove the adapter"
    ]


def test_what_is_to_be_published_is_a_tuned_cell_and_has_a_place(raw):
    put(raw, ("models", "SmolLM3-3B", "adapters"), {"mixtune": {2: RELEASED}})
    cell = "SmolLM3-3B/mixtune/0-shot/seed-42"
    raw["publish"]["adapters"] = [cell]
    assert problems(raw) == [
        "publish.namespace: missing, but uploads are configured; name the user or organisation to upload as"
    ]
    raw["publish"]["namespace"] = "me"
    assert problems(raw) == []
    raw["publish"]["adapters"] = [cell, cell.replace("0-shot", "2-shot")]
    assert problems(raw)[0].startswith(
        "publish.adapters: unknown cell 'SmolLM3-3B/mixtune/2-shot/seed-42', "
        "the matrix does not tune it; did you mean 'SmolLM3"
    )
    raw["publish"]["adapters"], raw["publish"]["mixtures"] = [], ["mixtun"]
    assert problems(raw) == [
        "publish.mixtures: unknown name 'mixtun', not found under `mixtures`; did you mean 'mixtune'?"
    ]


def test_two_seeds_of_a_cell_have_no_two_repositories(raw):
    raw["matrix"]["seeds"] = [42, 43]
    raw["publish"] |= {"namespace": "me", "adapters": [f"SmolLM3-3B/mixtune/0-shot/seed-{n}" for n in (42, 43)]}
    assert problems(raw) == [
        "publish.adapters: 'SmolLM3-3B/mixtune/0-shot' is listed 2 times, but its repository holds one; keep one seed"
    ]


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
    assert problems(raw) == [f"matrix.{key}: unknown name '{wrong}', not found under `{key}`; did you mean '{meant}'?"]


def test_an_unknown_reference_that_is_near_nothing_gets_the_list(raw):
    raw["matrix"]["mixtures"] = ["zzz"]
    assert problems(raw) == [
        "matrix.mixtures: unknown name 'zzz', not found under `mixtures`; known: gentune, littune, mixtune"
    ]


def test_source_name_typo(raw):
    raw["mixtures"]["mixtune"]["benchmarks"][1] = "semeval2010_task_8"
    assert problems(raw) == [
        "mixtures.mixtune.benchmarks: unknown name 'semeval2010_task_8', "
        "not found under `benchmarks`; did you mean 'semeval2010_task8'?"
    ]


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


def test_names_in_print_are_of_what_is_there_and_distinct(raw):
    names = raw["reports"]["names"]
    names |= {"gids": "Google IISc", "untuned": "base", "majority": "Majority", "Qwen2.5-3B-Instruct": "Qwen 3B"}
    assert load(raw).reports.names["gids"] == "Google IISc"
    names |= {"gid": "x", "gids": "TACRED", "SmolLM3-3B": "Qwen 3B"}
    assert problems(raw) == [
        "reports.names: unknown name 'gid'; did you mean 'gids'?",
        "reports.names: duplicate display name 'Qwen 3B' (2 entries); choose other names",
        "reports.names: duplicate display name 'TACRED' (2 entries); choose other names",
    ]


def test_a_benchmark_of_ones_own_needs_its_domain(raw):
    raw["benchmarks"]["rebell"] = dict(LOCAL)
    assert problems(raw) == [
        "benchmarks.rebell: unknown benchmark, it has no reader here (did you mean 'rebel'?); "
        "for a custom benchmark, in hub layout, set benchmarks.rebell.domain"
    ]
    raw["benchmarks"]["rebell"] |= {"domain": "literary", "negative": "none"}
    config = load(raw)
    assert config.domain("rebell") == "literary"
    assert config.domain("rebel") == "general"


def test_a_benchmark_of_ones_own_has_no_sample(raw):
    raw["benchmarks"]["own"] = {"origin": "sample", "domain": "general"}
    assert problems(raw) == [
        "benchmarks.own.origin: sample corpus not found, none ships for a custom benchmark; use path or hub"
    ]


@pytest.mark.parametrize(
    ("benchmark", "entry", "problem"),
    [
        (
            "gids",
            {"unit": "document"},
            "benchmarks.gids.unit: unknown option of gids, only re_docred has it; remove it",
        ),
        (
            "gids",
            {"annotation": "human"},
            "benchmarks.gids.annotation: unknown option of gids, only biographical has it; remove it",
        ),
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
            "benchmarks.gids.columns: tail_end, tail_start missing; name all four offsets or none",
        ),
    ],
)
def test_options_of_reading_that_do_not_fit_are_refused(raw, benchmark, entry, problem):
    raw["benchmarks"][benchmark] |= entry
    assert problems(raw) == [problem]


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
        "statistics.comparisons: 'fine' is listed more than once; remove the duplicate",
        "statistics.comparisons.2.of: unknown mixture 'gentun'; did you mean 'gentune'?",
        "statistics.comparisons.2.where.condition: unknown condition 'schemes'; did you mean 'schema'?",
        "statistics.comparisons.3.where.shots: the compared field must not be fixed; "
        "list its values in statistics.comparisons.3.of",
    ]


def test_only_configured_benchmarks_can_be_exported(raw):
    raw["export"]["licensed"] = ["tacrd"]
    assert problems(raw) == [
        "export.licensed: unknown name 'tacrd', not found under `benchmarks`; did you mean 'tacred'?"
    ]


@pytest.mark.parametrize("key", ["domain", "negative"])
def test_what_is_known_of_a_benchmark_cannot_be_set(raw, key):
    raw["benchmarks"]["gids"][key] = "general"
    assert problems(raw) == [
        "benchmarks.gids: domain and negative must not be set, they are known for this benchmark; remove them"
    ]


@pytest.mark.parametrize(
    "key", ["models", "mixtures", "shots", "conditions", "benchmarks", "seeds", "encoders", "frontier", "floors"]
)
def test_a_duplicate_in_the_matrix_is_refused(raw, key):
    raw["matrix"]["frontier"] = ["big"]
    raw["matrix"][key].append(raw["matrix"][key][0])
    assert problems(raw) == [f"matrix.{key}: '{raw['matrix'][key][0]}' is listed more than once; remove the duplicate"]


def test_a_duplicate_in_a_mixture_is_refused(raw):
    raw["mixtures"]["littune"]["benchmarks"].append("biographical")
    assert problems(raw) == [
        "mixtures.littune.benchmarks: 'biographical' is listed more than once; remove the duplicate"
    ]


@pytest.mark.parametrize("section", ["models", "mixtures", "encoders", "frontier"])
@pytest.mark.parametrize(
    "name", ["untuned", "encoder", "frontier", "floor", "ceiling", "seed-1", "my.seed-7", "few-shot"]
)
def test_a_reserved_name_is_refused(raw, section, name):
    raw[section][name] = {"mixtures": raw["mixtures"]["littune"], "frontier": BIG}.get(section, LOCAL)
    assert problems(raw) == [f"{section}.{name}: the name is reserved for paths of results; choose another"]


@pytest.mark.parametrize(("section", "entry"), [("encoders", LOCAL), ("frontier", BIG)])
def test_a_model_and_a_baseline_do_not_share_a_name(raw, section, entry):
    raw[section]["SmolLM3-3B"] = entry
    assert problems(raw) == [f"{section}.SmolLM3-3B: duplicate name, a model has it, too; choose another"]


def test_frontier_models_need_a_condition_that_they_can_be_run_under(raw):
    raw["matrix"] |= {"frontier": ["big"], "conditions": ["constrained"]}
    raw["reports"]["headline_condition"] = "constrained"
    assert problems(raw) == [
        "matrix.frontier: constrained decoding is impossible behind an endpoint; "
        "add generic or schema to matrix.conditions"
    ]


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
        "reports.headline_condition: 'schema' not found in matrix.conditions; add it there or choose one of them"
    ]


def test_a_matrix_in_which_nothing_runs_is_refused(raw):
    raw["matrix"]["mixtures"] = []
    assert problems(raw) == ["matrix.mixtures: nothing would run; name a mixture or set matrix.untuned: true"]
    raw["matrix"]["untuned"] = True
    assert problems(raw) == []
