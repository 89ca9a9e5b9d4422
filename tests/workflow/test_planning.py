"""What a first user meets: a plan without data or network, and errors that say what to do."""

import re

import pytest

from tests.workflow.projects import Project

PAPERS_MATRIX = {
    "fetch_model": 7,  # with two encoders
    "fetch_benchmark": 8,  # TACRED is on no hub
    "prepare_benchmark": 9,
    "build_mixture": 3,
    "render_training": 30,
    "render_prompts": 10,
    "finetune": 30,
    "predict": 30,
    "finetune_encoder": 2,
    "predict_encoder": 2,
    "predict_floors": 1,
    "score": 37,
    "intervals": 12,
    "compare": 1,
}
NO_NETWORK = """\
import socket

def refuse(*arguments, **options):
    raise OSError("this test has no network")

socket.socket.connect = socket.getaddrinfo = refuse
"""


def test_the_papers_matrix_is_planned_without_data_and_network(shipped, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    planned = shipped.planned(forks=False, PYTHONPATH=f"{tmp_path}:{shipped / 'src'}")
    assert {rule: planned[rule] for rule in PAPERS_MATRIX} == PAPERS_MATRIX


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--configfile a.yaml --configfile b.yaml", "a.yaml would be ignored"),
        ("--profile profiles/demo --configfile b.yaml", "demo.yaml (profiles/demo/profile.yaml) would be ignored"),
        ("--configfile twice.yaml", "twice.yaml:2: matrix is set on line 1, too"),
    ],
)
def test_an_overlay_that_would_not_count_is_an_error(shipped, tmp_path, words, problem):
    project = shipped.copy(tmp_path / "project")
    for name in ("a", "b"):
        (project / f"{name}.yaml").write_text("matrix: {models: [SmolLM3-3B]}\n")
    (project / "twice.yaml").write_text("matrix: {models: [SmolLM3-3B]}\nmatrix: {shots: [0]}\n")
    output = project.snakemake("-n", *words.split(), status=1).output
    assert problem in output
    assert "Traceback" not in output


def test_another_folder_is_named_and_no_key_of_its_config(shipped, tmp_path):
    (tmp_path / "config.yaml").write_text("samples: samples.tsv\n")
    words = ["-n", "-s", str(shipped / "Snakefile")]
    output = Project(tmp_path).snakemake(*words, profile="none", status=1, PYTHONPATH=str(shipped / "src")).output
    assert f"{tmp_path} is no folder of mixtune: the configuration lacks 16 of 16 sections" in output
    assert "missing" not in output


def test_overlays_of_one_option_are_merged_in_order(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    (project / "a.yaml").write_text("matrix: {models: [SmolLM3-3B], shots: [0]}\n")
    (project / "b.yaml").write_text("matrix: {mixtures: [gentune, littune], shots: [0, 2]}\n")
    assert project.planned("--configfile", "a.yaml", "b.yaml")["finetune"] == 4
    assert project.planned("--configfile", "b.yaml", "a.yaml")["finetune"] == 2


def test_a_missing_tacred_says_where_it_is_had_and_where_to_put_it(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    output = project.snakemake("results/benchmarks/tacred/manifest.json", status=1).output
    for part in ("LDC2018T24", "train.json, dev.json and test.json", "data/tacred"):
        assert part in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("encoders", "floors", "planned"),
    [
        ([], [], {"score": 30}),
        (["roberta-base"], [], {"fetch_model": 6, "finetune_encoder": 1, "predict_encoder": 1, "score": 31}),
        ([], ["random", "duplicates"], {"predict_floors": 1, "score": 32}),
    ],
)
def test_encoders_and_floors_are_chosen_by_lists(shipped, tmp_path, encoders, floors, planned):
    project = shipped.copy(tmp_path / "project")
    project.write({"matrix": {"encoders": encoders, "floors": floors}})
    rules = ("finetune_encoder", "predict_encoder", "predict_floors")
    expected = {"fetch_model": 5, **dict.fromkeys(rules, 0), **planned}
    found = project.planned()
    assert {rule: found[rule] for rule in expected} == expected


def test_frontier_models_predict_where_the_matrix_names_them_and_for_no_seed(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    entry = {"base_url": "http://localhost/v1", "model": "m", "key_variable": None, "spending_limit": 0}
    entry["price"] = {"input": 0, "output": 0}
    overlay = {
        "frontier": {"GPT-5.4": entry, "other": entry},
        "matrix": {"encoders": [], "floors": [], "seeds": [1, 2]},
    }
    expected = {}
    for number, names in enumerate([[], ["GPT-5.4"], ["GPT-5.4", "other"]]):
        overlay["matrix"]["frontier"] = names
        project.write(overlay)
        expected = {"predict_frontier": number, "score": 60 + number, "intervals": 5 + number}
        found = project.planned()
        assert {rule: found[rule] for rule in expected} == expected


def test_an_encoder_is_tuned_for_each_seed_and_floors_have_none(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    project.write({"matrix": {"seeds": [1, 2, 3]}})
    planned = project.planned()
    assert {rule: planned[rule] for rule in ("finetune_encoder", "predict_encoder", "predict_floors", "score")} == {
        "finetune_encoder": 6, "predict_encoder": 6, "predict_floors": 1, "score": 90 + 6 + 5,
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["finetune", "predict"])
def test_a_gpu_job_without_cuda_says_how_to_use_the_cpu(project, rule):
    cell = "tiny/gentune/0-shot/seed-42"
    target = f"results/{'adapters' if rule == 'finetune' else 'predictions'}/{cell}/manifest.json"
    (project / target).unlink()
    output = project.snakemake(target, status=1, MIXTUNE_DEVICE=None).output
    log = (project / f"logs/{rule}/{cell}.log").read_text()
    assert "no CUDA device" in log
    assert "MIXTUNE_DEVICE=cpu" in log
    assert log.strip() in output  # shown, and not only kept


def test_small_models_may_share_devices(shipped):
    small = "jobs_per_device=4 if 'SmolLM2' in wildcards.model else 1"
    output = shipped.snakemake("-n", "-p", "--set-resources", f"finetune:{small}", f"predict:{small}").output
    pattern = (
        r"--count 1 --jobs-per-device (\d+) -- python -m workflow.scripts.(\w+) .* --model results/models/([\w.-]+)/"
    )
    shares = {(rule, model): jobs for jobs, rule, model in re.findall(pattern, output)}
    assert len(shares) == 2 * 5
    assert {model for (_, model), jobs in shares.items() if jobs == "4"} == {"SmolLM2-360M-Instruct"}


def test_commands_over_six_hundred_cells_are_not_too_long_for_the_shell(shipped, tmp_path):
    """Linux takes 128 KiB as one argument, and a job's command is one."""
    project = shipped.copy(tmp_path / "project")
    names = [f"a-rather-long-name-of-a-model-Instruct-{number}" for number in range(50)]
    models = {name: {"origin": "hub", "hub": {"id": f"owner/{name}", "revision": "main"}} for name in names}
    project.write({"models": models, "matrix": {"models": names, "shots": [0, 1, 2, 4]}})
    output = project.snakemake("-n", "-p").output
    commands = re.findall(r"python -m workflow\.scripts\.(\w+) .*", output)
    longest = max(map(len, output.splitlines()))
    assert {"aggregate", "analyse_errors", "compare", "compare_efficiency", "page"} <= set(commands)
    assert 20_000 < longest < 128 * 1024


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "scores/nobody/gentune/0-shot/seed-42.json",
            "unknown system nobody/gentune/0-shot/seed-42; add it",
        ),
        ("adapters/nobody/gentune/0-shot/seed-42/manifest.json", "unknown cell nobody/gentune/0-shot/seed-42; add"),
    ],
)
def test_what_the_matrix_does_not_name_is_reported(shipped, target, message):
    assert message in shipped.snakemake("-n", f"results/{target}", status=1).output


def test_an_evaluation_only_benchmark_is_planned_for_all_systems_that_need_no_train_split(shipped, tmp_path):
    project = shipped.copy(tmp_path / "project")
    held_out = {"origin": "path", "path": "data/recipes", "domain": "literary", "evaluation_only": True}
    matrix = {"benchmarks": ["recipes", "pg_fiction"], "models": ["SmolLM3-3B"], "mixtures": ["littune"]}
    project.write({"benchmarks": {"recipes": held_out}, "matrix": {**matrix, "encoders": ["roberta-base"]}})
    assert "set benchmarks.recipes.zero_shot: true" in project.snakemake("-n", status=1).output
    project.configure({"benchmarks": {"recipes": {"zero_shot": True, "labels": ["made_of"]}}})
    output = project.snakemake("-n", "-p").output
    jobs = dict(re.findall(r"python -m workflow\.scripts\.(\w+) (.*)", output))
    made = {rule: set(re.findall(r"(\S+)/recipes(?:\.parquet|/)", jobs[rule])) for rule in jobs}
    assert made["predict"] == {
        f"results/predictions/SmolLM3-3B/littune/{path}/seed-42/{condition}"
        for path in re.findall(r"littune/(\d-shot)/seed-42/schema/recipes", jobs["predict"])
        for condition in ("generic", "schema")
    }
    assert made["predict_floors"] == {"results/predictions/ceiling/duplicates/any"}
    assert made["finetune_encoder"] == made["predict_encoder"] == set()
    assert '"zero_shot": ["recipes"]' in output.replace('":["', '": ["')
