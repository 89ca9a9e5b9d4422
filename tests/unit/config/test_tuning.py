"""What a cell is tuned with: the configuration, its model's settings, its variant's."""

import pytest

from mixtune.config import inputs, jobs
from mixtune.config.config import load
from mixtune.config.matrix import MatrixPlan, systems
from mixtune.config.tuning import chosen_variants, tuning_of
from mixtune.systems import System

VARIANTS = {
    "low": {"training": {"learning_rate": 1e-5}},
    "short": {"training": {"max_length": 256}, "mixture": {"max_rows": 50}, "models": ["SmolLM3*"]},
    "lr": {"grid": {"training.learning_rate": [0.001, 0.002], "lora.r": [8]}},
}
LR = ["lr.learning_rate-0.001.r-8", "lr.learning_rate-0.002.r-8"]


@pytest.fixture
def raw(raw):
    raw["variants"] = VARIANTS
    raw["matrix"] |= {
        "models": ["SmolLM3-3B", "Qwen2.5-0.5B-Instruct"], "mixtures": ["mixtune"], "shots": [0],
        "variants": ["default", "low", "short", "lr"],
    }  # fmt: skip
    return raw


def test_a_matrix_lists_grids_by_their_name_or_their_members(raw):
    assert list(chosen_variants(load(raw))) == ["default", "low", "short", *LR]
    raw["matrix"]["variants"] = [LR[1], "low"]
    assert list(chosen_variants(load(raw))) == [LR[1], "low"]


def test_cells_of_a_variant_follow_those_of_the_default_and_are_of_its_models(raw):
    names = [str(cell) for cell in systems(load(raw)) if cell.mixture == "mixtune"]
    of_one, of_other = (
        [f"{model}/mixtune/0-shot/{folder}seed-42" for folder in folders]
        for model, folders in (
            ("SmolLM3-3B", ["", "low/", "short/", *(f"{name}/" for name in LR)]),
            ("Qwen2.5-0.5B-Instruct", ["", "low/", *(f"{name}/" for name in LR)]),
        )
    )
    assert names == of_one + of_other


def test_a_variants_adapter_replaces_that_of_its_model(raw):
    raw["models"]["SmolLM3-3B"]["lora"] = {"r": 4, "alpha": 6}
    raw["variants"] = VARIANTS | {"wide": {"lora": {"alpha": 99}}}
    config = load(raw)
    lora = tuning_of(config, "SmolLM3-3B", "mixtune", config.variants["wide"]).training.lora
    assert (lora.r, lora.alpha, lora.dropout) == (4, 99, config.training.lora.dropout)


def test_a_cell_has_the_settings_of_its_variant(raw):
    config = load(raw)
    for name, rate in (("default", config.training.learning_rate), ("low", 1e-5), (LR[0], 0.001)):
        cell = System("SmolLM3-3B", "mixtune", 0, 42, name)
        assert MatrixPlan(config).tunings[str(cell)].training.learning_rate == rate
        folder = "" if name == "default" else f"{name}/"
        assert jobs.finetune(MatrixPlan(config), "SmolLM3-3B", "mixtune", "0", folder, "42").learning_rate == rate


def test_what_differs_in_no_row_shares_rows_and_mixture(raw):
    plan = MatrixPlan(load(raw))
    path = "SmolLM3-3B/mixtune/0-shot/{}seed-42"
    assert {inputs.rendered(plan, path.format(f"{name}/")) for name in ("low", *LR)} == {
        inputs.rendered(plan, path.format(""))
    }
    short = path.format("short/")
    assert inputs.drawn(plan, short) == "results/mixtures/mixtune@max_rows-50/manifest.json"
    rows = "mixtune@max_rows-50@max_length-256"
    assert inputs.rendered(plan, short) == f"results/rendered/SmolLM3-3B/training/{rows}/0-shot/manifest.json"
    assert (jobs.build_mixture(plan, "mixtune@max_rows-50").max_rows, plan.config.mixtures["mixtune"].max_rows) != (
        plan.config.mixtures["mixtune"].max_rows, 50
    )  # fmt: skip
    assert jobs.render_training(plan, rows, "0").max_length == 256
    assert plan.drawn == ["mixtune", "mixtune@max_rows-50"]


def test_a_variant_changes_no_setting_of_another_cell(raw):
    default = raw | {"matrix": raw["matrix"] | {"variants": ["default"]}}
    before, after = MatrixPlan(load(default)), MatrixPlan(load(raw))
    for path in before.tuned:
        assert before.tunings[path] == after.tunings[path]
        assert jobs.score(before, path) == jobs.score(after, path)


def test_a_released_adapter_takes_the_place_of_the_default_variant_alone(raw):
    raw["models"]["SmolLM3-3B"]["adapters"] = {"mixtune": {0: {"origin": "path", "path": "elsewhere"}}}
    plan = MatrixPlan(load(raw))
    tuned = [path for path in plan.tuned if path.startswith("SmolLM3")]
    assert "SmolLM3-3B/mixtune/0-shot/seed-42" not in tuned
    assert "SmolLM3-3B/mixtune/0-shot/low/seed-42" in tuned


def test_variants_are_compared_at_equal_model_and_seed(raw):
    raw["statistics"]["comparisons"] = [{"name": "rates", "vary": "variant", "of": ["default", "low"]}]
    plan = MatrixPlan(load(raw))
    cells = ["", "low/"]
    assert plan.compared == [
        f"{model}/mixtune/0-shot/{cell}seed-42" for model in raw["matrix"]["models"] for cell in cells
    ]
