"""Editing one setting makes stale what depends on it, and nothing else: the design's table, line by line."""

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

PAPERS = {"typeset": 1, "page": 1}
FIGURES = {"plot": 6}  # not those of the data and of the training logs
ALL_FIGURES = {"plot": 8}
AUDIT = {"audit": 1, **PAPERS, **ALL_FIGURES}
TABLES = {"aggregate": 1, "compare_published": 1, "compare_efficiency": 1, **PAPERS, **FIGURES}
COMPARISONS = {"compare": 1, **PAPERS}
INTERVALS = {"intervals": 1, **COMPARISONS, **TABLES}
CARDS = {"card": 6}
SCORES = {"score": 6, "analyse_errors": 1, **CARDS, **INTERVALS}  # of the cells
BASELINES = 6  # the encoder, four floors and a ceiling, which are scored, too
PREDICTIONS = {"predict": 6, **SCORES}
CELLS = {"finetune": 6, **PREDICTIONS, "plot": 7}  # learning curves, too

CELL = "tiny/gentune/0-shot/seed-42"
PREDICTED = f"results/predictions/{CELL}/manifest.json"


def sources(project) -> list[Path]:
    return [*(project / "src").rglob("*.py"), *(project / "workflow/scripts").glob("*.py")]


def edit_code(project, path):
    """Change what a module does in a way that no result shows."""
    with (project / path).open("a", encoding="utf-8") as file:
        file.write("\nUNUSED = 1\n")


def stamps(folder):
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {path: path.stat().st_mtime_ns for path in files}


# What is stale after an edit


def test_a_figures_style_redraws_the_figures(project):
    project.edit("src/mixtune/reports/figures/style.py", '"font.size": 7', '"font.size": 8')
    assert project.planned() == ALL_FIGURES


def test_a_figures_code_redraws_that_figure(project):
    edit_code(project, "src/mixtune/reports/figures/scaling.py")
    assert project.planned() == {"plot": 1}


def test_a_name_in_print_computes_nothing(project):
    project.configure({"reports": {"names": {"tiny": "Tiny"}}})
    assert project.planned() == {"analyse_errors": 1, **TABLES, **ALL_FIGURES}


def test_the_number_of_sampled_errors_looks_at_errors_alone(project):
    project.configure({"reports": {"errors": 2}})
    assert project.planned() == {"analyse_errors": 1, "page": 1}


def test_the_words_for_no_relation_rescore(project):
    project.configure({"scoring": {"negatives": "paper"}})
    assert project.planned() == {**SCORES, "score": 6 + BASELINES, "intervals": 1 + BASELINES}


def test_the_encoders_learning_rate_tunes_encoders_alone(project):
    project.configure({"training": {"encoder": {"learning_rate": 0.001}}})
    assert project.planned() == {
        **{"finetune_encoder": 1, "predict_encoder": 1, "score": 1, "analyse_errors": 1, **INTERVALS},
        "intervals": 1,
    }


def test_a_floor_less_computes_nothing(project):
    project.configure({"matrix": {"floors": ["majority", "random"]}})
    assert project.planned() == {"analyse_errors": 1, **TABLES}


def test_a_capped_test_split_trains_no_encoder(project):
    project.configure({"prediction": {"test_rows": 3}})
    assert not {"finetune", "finetune_encoder"} & project.planned().keys()
    project.snakemake("results/scores/encoder/tiny-roberta/seed-42.json")


def test_the_number_of_resamples_finds_intervals_anew(project):
    project.configure({"statistics": {"resamples": 200}})
    assert project.planned() == {**INTERVALS, "intervals": 1 + BASELINES}


def test_another_comparison_tests_anew_and_no_more(project):
    shots = {"name": "shots", "vary": "shots", "of": [2, 0]}
    project.configure({"statistics": {"comparisons": [shots]}})
    assert project.planned() == COMPARISONS


def test_the_length_of_answers_predicts_anew(project):
    project.configure({"prediction": {"max_new_tokens": 5}})
    assert project.planned() == PREDICTIONS


def test_a_condition_more_predicts_its_own_prompts_only(project):
    project.configure({"matrix": {"conditions": ["generic", "schema", "constrained"]}})
    assert project.planned() == {**PREDICTIONS, **ALL_FIGURES}
    before = stamps(project / "scratch/predict")
    project.snakemake(f"results/scores/{CELL}.json")
    after = stamps(project / "scratch/predict")
    assert before.items() <= after.items()
    new = {path.relative_to(project / "scratch/predict").parts[1] for path in after.keys() - before.keys()}
    assert new == {"constrained"}


def test_a_condition_less_computes_nothing(project):
    project.configure({"matrix": {"conditions": ["schema"]}})
    project.snakemake(f"results/scores/{CELL}.json")
    assert "computing on" not in (project / f"logs/predict/{CELL}.log").read_text()


def test_the_learning_rate_retrains_all_cells_and_renders_nothing(project):
    project.configure({"training": {"learning_rate": 0.01}})
    assert project.planned() == CELLS


def test_swapped_hyperparameters_retrain(project):
    # Snakemake compares params as a set of values, where a swap of rank and alpha would not be seen.
    project.configure({"training": {"lora": {"r": 4, "alpha": 2}}})
    assert project.planned() == CELLS


@pytest.fixture
def with_twin(project, tiny):
    """The project with a second model, for which nothing has run."""
    twin = {"origin": "path", "path": str(tiny)}
    project.configure({"matrix": {"models": ["tiny", "twin"]}, "models": {"twin": twin}})
    return project


def test_a_new_model_adds_its_cells_only(with_twin):
    assert with_twin.planned() == {"fetch_model": 1, "render_training": 6, "render_prompts": 2, **CELLS, **AUDIT}


def test_one_models_rank_retrains_that_models_cells_only(with_twin):
    with_twin.configure({"models": {"twin": {"lora": {"r": 3}}}})
    assert with_twin.planned()["finetune"] == 6  # the twin's, which have not run
    with_twin.configure({"models": {"tiny": {"lora": {"r": 3}}}})
    assert with_twin.planned()["finetune"] == 12


def test_a_models_rank_equal_to_the_common_one_retrains_nothing(project):
    project.configure({"models": {"tiny": {"lora": {"r": 2}}}})
    assert project.planned() == {}


@pytest.fixture
def with_own_benchmark(project):
    """The project with a tenth benchmark in the layout of a hub copy, used only for evaluation."""
    folder = project / "data" / "own"
    folder.mkdir(parents=True)
    rows = [f"Ann {n} works for Acme {n} .,Ann {n},Acme {n},{'employer' if n % 2 else 'founder'}\n" for n in range(9)]
    for number, split in enumerate(("train", "validation", "test")):
        part = rows[3 * number : 3 * number + 3]
        (folder / f"{split}.csv").write_text("text,entity1,entity2,relation\n" + "".join(part))
    benchmarks = yaml.safe_load((project / "config.yaml").read_text())["matrix"]["benchmarks"]
    own = {"origin": "path", "path": "data/own", "domain": "general"}
    project.configure({"benchmarks": {"own": own}, "matrix": {"benchmarks": [*benchmarks, "own"]}})
    return project


def test_a_benchmark_for_evaluation_trains_nothing(with_own_benchmark):
    encoder = {"finetune_encoder": 1, "predict_encoder": 1, "predict_floors": 1}
    planned = {"prepare_benchmark": 1, "gather_benchmarks": 1, "render_prompts": 2, **PREDICTIONS, **AUDIT, **encoder}
    assert with_own_benchmark.planned() == {**planned, "score": 6 + BASELINES, "intervals": 1 + BASELINES}


def test_a_benchmark_for_evaluation_costs_its_own_prompts_only(with_own_benchmark):
    project = with_own_benchmark
    before = stamps(project / "scratch/predict")
    project.snakemake(PREDICTED)
    after = stamps(project / "scratch/predict")
    assert before.items() <= after.items()
    new = {path.relative_to(project / "scratch/predict").parts[1:3] for path in after.keys() - before.keys()}
    assert new == {("generic", "own"), ("schema", "own")}


def test_a_readers_code_prepares_its_benchmark(project):
    edit_code(project, "src/mixtune/data/readers/conll04.py")
    reruns = project.planned()
    assert reruns["prepare_benchmark"] == 1
    assert reruns["build_mixture"] == 2  # gentune and mixtune, planned since their input may change
    assert reruns["fetch_model"] == 0


def test_a_readers_code_with_the_same_rows_costs_no_gpu_time(project):
    edit_code(project, "src/mixtune/data/readers/conll04.py")
    run = project.snakemake(PREDICTED)
    assert "(Rule: finetune)" in run.output
    assert "finished before: restored from" in (project / f"logs/finetune/{CELL}.log").read_text()
    assert "computing on" not in (project / f"logs/predict/{CELL}.log").read_text()
    assert project.planned() == {}  # the new manifests hold what the old ones held


def test_a_removed_adapter_is_restored_and_not_trained(project):
    folder = project / f"results/adapters/{CELL}"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    project.snakemake(*(f"results/adapters/{CELL}/{name}" for name in ("manifest.json", "README.md")))
    log = (project / f"logs/finetune/{CELL}.log").read_text()
    assert "finished before: restored from" in log
    assert "computing on" not in log
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert project.planned() == {}


def test_a_corrected_label_inventory_prepares_its_benchmark(project):
    path = project / "resources/labels/conll04.txt"
    path.write_text(path.read_text() + "Married_To\n")
    assert project.planned()["prepare_benchmark"] == 1


def test_a_changed_native_file_prepares_its_benchmark(project):
    path = project / "resources/sample/gids/test.tsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert project.planned()["prepare_benchmark"] == 1


# What makes nothing stale


def test_a_comment_and_the_order_of_keys_in_the_config_rerun_nothing(project):
    def backwards(node):
        return {key: backwards(node[key]) for key in reversed(node)} if isinstance(node, dict) else node

    for name in ("config.yaml", "tiny.yaml"):
        text = yaml.safe_dump(backwards(yaml.safe_load((project / name).read_text())), sort_keys=False)
        (project / name).write_text(f"# A new comment.\n{text}")
    assert project.planned() == {}


def test_a_log_path_threads_memory_shared_devices_and_micro_tokens_rerun_nothing(project):
    rules = "workflow/rules/training.smk"
    project.edit(rules, 'log_of("finetune", PATH)', 'log_of("tuning", PATH)')
    project.edit(rules, "threads: 2", "threads: 4")
    project.edit(rules, "mem_mb=24000", "mem_mb=48000")
    project.edit(rules, "jobs_per_device=1", "jobs_per_device=2")
    project.edit(rules, "micro_tokens=4096", "micro_tokens=2048")
    assert project.planned("--set-threads", "predict=4") == {}


def test_a_git_checkout_reruns_nothing(project):
    for part in ("Snakefile", "config.yaml", "tiny.yaml", "workflow", "profiles", "resources", "envs", "src"):
        for path in [project / part, *(project / part).rglob("*")]:
            os.utime(path)
    assert project.planned() == {}


def test_comments_docstrings_and_formatting_rerun_nothing(project):
    for path in sources(project):
        text = path.read_text(encoding="utf-8")
        assert text.startswith('"""'), f"{path} has no docstring"
        text = re.sub(r'^( *)"""(?=\w)', r'\1"""Indeed: ', text, flags=re.MULTILINE)
        text = re.sub(r"\n\n\n+", "\n\n\n\n\n", text)
        path.write_text(f"# A comment.\n{text}\n# Another.\n", encoding="utf-8")
    assert project.planned() == {}


def test_a_moved_checkout_reruns_nothing(project, tmp_path):
    assert project.copy(tmp_path / "elsewhere").planned() == {}


def test_an_origin_that_is_not_chosen_reruns_nothing(project):
    project.configure({"benchmarks": {"tacred": {"path": "data/other"}, "gids": {"hub": {"revision": "v2"}}}})
    assert project.planned() == {}
