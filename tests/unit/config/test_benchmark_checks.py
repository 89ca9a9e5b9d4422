"""Columns and markers that do not suffice, and uses of train splits that evaluation-only benchmarks lack."""

import pytest

from mixtune.config import inputs, jobs
from mixtune.config.config import load
from mixtune.config.matrix import MatrixPlan
from tests.unit.config.problems import LOCAL, problems

HELD_OUT = {**LOCAL, "domain": "literary", "evaluation_only": True, "labels": ["made_of", "none"], "zero_shot": True}
TEXT = {"text": "t", "relation": "r"}
STARTS = {"head_start": "a", "tail_start": "b"}
MARKERS = {"head": ["<<", ">>"], "tail": ["[[", "]]"]}


@pytest.fixture
def held_out(raw):
    """The shipped configuration, evaluated on one more benchmark, which has no train split."""
    raw["benchmarks"]["recipes"] = dict(HELD_OUT)
    raw["matrix"]["benchmarks"] = ["recipes", *raw["matrix"]["benchmarks"]]
    return raw


@pytest.mark.parametrize(
    "entry",
    [
        {"columns": {"tokens": "t", "relation": "r", "head_span": "h.pos", "tail_span": "t.pos"}},
        {"columns": TEXT | {"head": "h", "tail": "t", "head_start": "a", "tail_start": "b"}},
        {"columns": TEXT, "markers": MARKERS},
        {"columns": TEXT, "markers": {"head": ["@CHEMICAL$"], "tail": ["@GENE$"]}},
    ],
)
def test_each_way_to_give_mentions_is_possible_and_reaches_the_reader(raw, entry):
    raw["benchmarks"]["gids"] |= entry
    assert load(raw).benchmarks["gids"].options() == entry


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            {"columns": {"relation": "r", "head": "h", "tail": "t"}},
            ".columns: text missing; name it, or the list of its tokens as tokens",
        ),
        (
            {"columns": TEXT | {"tokens": "x", "head": "h", "tail": "t"}},
            ".columns: text, tokens exclude each other; keep one way",
        ),
        (
            {"columns": TEXT | {"head_span": "h", "tail_span": "t", "head_start": "s"}},
            ".columns: head_start, head_span, tail_span exclude each other; keep one way",
        ),
        (
            {"columns": TEXT | {"head_span": "h", "tail": "t"}},
            ".columns: tail_span missing; name both spans or none",
        ),
        (
            {"columns": TEXT | {"head": "h", "head_start": "a", "tail_start": "b"}},
            ".columns: head_end, tail_end missing; name all four offsets or none",
        ),
        (
            {"columns": {"tokens": "x", "relation": "r", "head": "h", "tail": "t", **STARTS}},
            ".columns: head_end, tail_end missing; name all four offsets or none",
        ),
        (
            {"columns": TEXT | {"head": "h", "tail": "t"}, "markers": MARKERS},
            ".columns: head, tail and markers exclude each other; keep one way",
        ),
        ({"markers": MARKERS}, ".markers: benchmarks.gids.columns is missing; name text and relation there"),
        (
            {"columns": TEXT, "markers": {"head": ["@", "@"], "tail": ["@", "@"]}},
            ".markers: head and tail have the same markers; they must differ",
        ),
    ],
)  # fmt: skip
def test_columns_and_markers_that_do_not_fit_are_refused(raw, entry, problem):
    raw["benchmarks"]["gids"] |= entry
    assert problems(raw) == [f"benchmarks.gids{problem}"]


@pytest.mark.parametrize("markers", [[], [" <<", ">>"], ["<<", ""], ["a", "b", "c"]])
def test_a_side_has_one_or_two_markers_without_white_space_around_them(raw, markers):
    raw["benchmarks"]["gids"] |= {"columns": TEXT, "markers": MARKERS | {"head": markers}}
    (problem,) = problems(raw)
    assert problem.startswith("benchmarks.gids.markers.head")


def test_an_evaluation_only_benchmark_may_be_evaluated_on(held_out):
    plan = MatrixPlan(load(held_out))
    assert (plan.benchmarks[0], plan.trained) == ("recipes", plan.benchmarks[1:])
    assert plan.prepared[0] == "recipes"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda raw: raw["mixtures"]["littune"]["benchmarks"].append("recipes"),
            "mixtures.littune.benchmarks: 'recipes' is evaluation-only, it has no train split; remove it",
        ),
        (
            lambda raw: raw["benchmarks"]["recipes"].pop("zero_shot"),
            "benchmarks.recipes.evaluation_only: no train split to sample the demonstrations of matrix.shots from; "
            "set benchmarks.recipes.zero_shot: true for prompts without demonstrations, or list only 0 shots",
        ),
        (
            lambda raw: raw["benchmarks"]["recipes"].update(files={"train": "a.csv", "test": "b.csv"}),
            "benchmarks.recipes.files.train: an evaluation-only benchmark has no train split; remove it",
        ),
        (
            lambda raw: raw["benchmarks"]["gids"].update(zero_shot=True),
            "benchmarks.gids.zero_shot: only a benchmark with benchmarks.gids.evaluation_only: true has it; "
            "set both or none",
        ),
        (
            lambda raw: raw["benchmarks"]["gids"].update(labels=["a"]),
            "benchmarks.gids.labels: only a benchmark with benchmarks.gids.evaluation_only: true has it; "
            "set both or none",
        ),
        (
            lambda raw: raw["matrix"].update(benchmarks=["recipes"], floors=["duplicates"]),
            "matrix.encoders: no benchmark of matrix.benchmarks has the train split that they need; set it to []",
        ),
        (
            lambda raw: raw["matrix"].update(benchmarks=["recipes"], encoders=[], floors=["majority", "duplicates"]),
            "matrix.floors: no benchmark of matrix.benchmarks has the train split that they need; set it to []",
        ),
    ],
)
def test_a_use_of_a_train_split_that_is_not_there_is_refused(held_out, change, problem):
    change(held_out)
    assert problems(held_out) == [problem]


def test_without_shots_no_demonstration_is_missed(held_out):
    held_out["benchmarks"]["recipes"].pop("zero_shot")
    held_out["matrix"]["shots"] = [0]
    assert problems(held_out) == []


def test_encoders_and_floors_leave_it_out_and_all_else_does_not(held_out):
    plan = MatrixPlan(load(held_out))
    for system, settings in plan.systems.items():
        is_left_out = settings.kind in ("encoder", "floor")
        assert ("recipes" not in plan.benchmarks_of(system)) == is_left_out
        assert ("recipes" not in jobs.score(plan, system).benchmarks) == is_left_out
    (floor,) = jobs.intervals(plan, "floor/majority").arms
    assert floor.excluded == ["recipes"]
    assert all(arm.excluded == [] for arm in jobs.intervals(plan, "SmolLM3-3B").arms)
    assert {system for system, names in jobs.compare(plan).excluded.items() if names == ["recipes"]} == {
        system for system in plan.compared if system.startswith("encoder/")
    }
    assert inputs.predictions(plan, "floor/majority") == ["results/predictions/floor/majority/any/tacred.parquet"]
    assert inputs.predictions(plan, "ceiling/duplicates")[0].endswith("any/recipes.parquet")


def test_each_key_of_an_evaluation_only_benchmark_reaches_its_job(held_out):
    plan = MatrixPlan(load(held_out))
    settings = jobs.prepare_benchmark(plan, "recipes")
    assert (settings.evaluation_only, settings.given_labels) == (True, ["made_of", "none"])
    assert jobs.render_prompts(plan, "2").zero_shot == ["recipes"]
    assert jobs.render_prompts(plan, "0").zero_shot == []
    other = jobs.prepare_benchmark(plan, "gids")
    assert (other.evaluation_only, other.given_labels) == (False, [])
