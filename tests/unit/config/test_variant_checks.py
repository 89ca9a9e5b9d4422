"""Problems of variants, each with its key and remedy."""

import pytest

from tests.unit.config.problems import problems

LR = {"grid": {"training.learning_rate": [0.001, 0.002]}}


@pytest.mark.parametrize(
    ("variants", "listed", "problem"),
    [
        ({"default": {}}, ["default"], "variants.default: the name is that of the configuration's own settings; "
         "choose another"),
        ({"low": {"trainng": {}}}, ["low"], "variants.low.trainng: unknown key; did you mean 'training'?"),
        ({"low": {"training": {"learning_rate": 3}}}, ["low"], "variants.low.training.learning_rate: 3 is not possible "
         "(input should be less than 1)"),
        ({"low": {"training": {"encoder": {}}}}, ["low"], "variants.low.training.encoder: unknown key; "),
        ({"low": {"models": ["Lama*"]}}, ["default"], "variants.low.models: 'Lama*' matches no model; "),
        ({"low": {}}, ["lwo"], "matrix.variants: unknown name 'lwo', not found under `variants`; did you mean 'low'?"),
        ({"lr": LR}, ["lr", "lr.learning_rate-0.001"], "matrix.variants: 'lr.learning_rate-0.001' is listed by itself "
         "and in its grid; keep one"),
        ({"low": {"models": ["Qwen*"]}}, ["low"], "matrix.variants: 'low' is for Qwen*, no model of matrix.models; "
         "remove one"),
        ({"lr": {"grid": {"training.rate": [1]}}}, ["lr"], "variants.lr.grid: training.rate: unknown key; "),
        ({"lr": {"grid": {"lora.r": [0, 8]}}}, ["lr"], "variants.lr.grid: lora.r: 0 is not possible "),
        ({"lr": LR | {"training": {"learning_rate": 0.1}}}, ["lr"], "variants.lr.grid.training.learning_rate: "
         "variants.lr.training.learning_rate sets it, too; remove one"),
        ({"lr": {"grid": {"lora.r": [8, 8]}}}, ["lr"], "variants.lr.grid.lora.r: a value is listed twice; "
         "remove the duplicate"),
        ({"a-shot": {}}, ["default"], "variants.a-shot: the name is reserved for paths of results; choose another"),
        ({"even": {"mixture": {"balance": "domain"}}}, ["even"], "variants.even.mixture.balance: 'domain' needs "
         "benchmarks of both domains, and mixtures.gentune.benchmarks has one; remove it"),
    ],
)  # fmt: skip
def test_a_problem_of_variants(raw, variants, listed, problem):
    raw["variants"] = variants
    raw["matrix"] |= {"variants": listed, "models": ["SmolLM3-3B"], "mixtures": ["gentune"]}
    assert any(line.startswith(problem) for line in problems(raw)), problems(raw)


def test_variants_without_a_problem(raw):
    raw["variants"] = {"low": {"training": {"epochs": 2}}, "lr": LR}
    raw["matrix"]["variants"] = ["default", "low", "lr.learning_rate-0.002"]
    assert problems(raw) == []
