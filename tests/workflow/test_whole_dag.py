"""The whole workflow, from sample corpora to figures and report, with one tiny model on two cores."""

import csv
import json
import re
import zipfile
from itertools import product

import pyarrow.parquet as pq
import pytest
import yaml

MIXTURES = ("gentune", "littune", "mixtune")
SHOTS = ("0-shot", "2-shot")
CONDITIONS = ("generic", "schema")
BENCHMARKS = (
    "tacred", "semeval2010_task8", "conll04", "nyt11", "gids", "re_docred", "rebel", "biographical", "pg_fiction"
)  # fmt: skip
CELLS = [f"tiny/{mixture}/{shots}/seed-42" for mixture, shots in product(MIXTURES, SHOTS)]
TABLES = ("matrix", "transfer", "scores", "per_class", "data", "mixtures", "overlap", "lengths")
FIGURES = ("matrix", "shots", "data")

RESULTS = {
    "models/tiny/manifest.json",
    *(
        f"benchmarks/{benchmark}/{file}"
        for benchmark in BENCHMARKS
        for file in (
            "train.parquet", "validation.parquet", "test.parquet", "labels.json", "audit.json", "manifest.json"
        )
    ),
    *(
        f"mixtures/{mixture}/{file}"
        for mixture in MIXTURES
        for file in ("train.parquet", "validation.parquet", "manifest.json")
    ),
    *(
        f"rendered/tiny/training/{mixture}/{shots}/{file}"
        for mixture, shots in product(MIXTURES, SHOTS)
        for file in ("train.parquet", "validation.parquet", "manifest.json")
    ),
    *(
        f"rendered/tiny/prompts/{shots}/{file}"
        for shots in SHOTS
        for file in (*(f"{c}/{b}.parquet" for c, b in product(CONDITIONS, BENCHMARKS)), "manifest.json")
    ),
    *(
        f"adapters/{cell}/{file}"
        for cell in CELLS
        for file in (
            "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "tokenizer.json",
            "tokenizer_config.json", "training_log.csv", "run_card.json", "manifest.json",
        )
    ),
    *(
        f"predictions/{cell}/{file}"
        for cell in CELLS
        for file in (*(f"{c}/{b}.parquet" for c, b in product(CONDITIONS, BENCHMARKS)), "manifest.json")
    ),
    *(f"scores/{cell}.json" for cell in CELLS),
}  # fmt: skip
REPORTS = {
    "README.md",
    "index.html",
    *(f"tables/{table}.{ending}" for table in TABLES for ending in ("csv", "md")),
    *(f"figures/{figure}.{ending}" for figure in FIGURES for ending in ("png", "pdf")),
}


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_takes_under_two_minutes_of_two_cores(whole_run):
    _, run = whole_run
    assert run.seconds < 2 * 120  # of CPU, so that other work on the machine does not count


def test_it_writes_every_file_and_no_other(whole_run):
    project, _ = whole_run
    found = {name for name in files(project / "results") if not name.startswith("runtimes/")}
    assert found == RESULTS
    assert files(project / "reports") == REPORTS


def test_every_job_leaves_a_log_and_its_costs(whole_run):
    project, _ = whole_run
    jobs = {name.removesuffix(".log") for name in files(project / "logs")}
    assert len(jobs) == 1 + 9 + 3 + 6 + 2 + 3 * len(CELLS) + 6
    assert {name.removesuffix(".tsv") for name in files(project / "results/runtimes")} == jobs


def test_afterwards_nothing_is_to_be_done(whole_run):
    project, _ = whole_run
    assert "Nothing to be done" in project.snakemake("-n").output


def test_every_cell_is_trained_on_its_own_mixture(whole_run):
    project, _ = whole_run
    adapters = {(project / f"results/adapters/{cell}/adapter_model.safetensors").read_bytes() for cell in CELLS}
    assert len(adapters) == len(CELLS)
    for cell in CELLS:
        card = json.loads((project / f"results/adapters/{cell}/run_card.json").read_text())
        assert (card["steps"], card["examples"]) == (4, 16)  # max_rows / batch_size


def test_every_cell_is_asked_the_same_test_rows(whole_run):
    project, _ = whole_run
    for condition, benchmark in product(CONDITIONS, BENCHMARKS):
        paths = [project / f"results/predictions/{cell}/{condition}/{benchmark}.parquet" for cell in CELLS]
        ids = {tuple(pq.read_table(path)["id"].to_pylist()) for path in paths}
        assert len(ids) == 1
        assert len(*ids) == 4  # prediction.test_rows


def test_the_matrix_has_a_row_for_each_cell_and_condition(whole_run):
    project, _ = whole_run
    with (project / "reports/tables/matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = [(row["mixture"], f"{row['shots']}-shot", row["condition"]) for row in rows]
    assert sorted(found) == sorted(product(MIXTURES, SHOTS, CONDITIONS))
    assert {row["missing"] for row in rows} == {""}


def test_the_readme_says_that_samples_are_no_benchmarks(whole_run):
    project, _ = whole_run
    assert "sample corpora" in (project / "reports/README.md").read_text().lower()


def test_the_page_shows_what_was_run_and_links_to_what_is_there(whole_run):
    project, _ = whole_run
    page = (project / "reports/index.html").read_text(encoding="utf-8")
    assert "These are not benchmark results." in page
    assert "6 cells, each evaluated on 9 benchmarks under 2 conditions." in page
    links = set(re.findall(r'<a href="([^#"]+)"', page)) - {"README.md"}
    assert links == {f"tables/{table}.csv" for table in TABLES}
    data = json.loads(re.search(r'id="embedded">(.*?)</script>', page)[1])
    assert data["tables"]["matrix"]["rows"] == len(CELLS) * len(CONDITIONS)
    losses = next(chart for chart in data["charts"] if chart["id"] == "training")
    assert losses["table"]["rows"] == len(CELLS) * (4 + 1)  # steps, and the validation loss of the one epoch


@pytest.fixture(scope="module")
def report(whole_run, tmp_path_factory):
    """Snakemake's report: its results by path, and the names of the files beside it."""
    project = whole_run[0].copy(tmp_path_factory.mktemp("report") / "project")
    project.snakemake("--report", "reports/report.zip")
    with zipfile.ZipFile(project / "reports/report.zip") as archive:
        page = archive.read("report/report.html").decode()
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    return json.JSONDecoder().raw_decode(page, re.search(r"var results = (?={)", page).end())[0], names, page


def test_the_report_holds_tables_and_figures(report):
    results, names, _ = report
    shown = {f"reports/tables/{table}.csv" for table in TABLES}
    shown |= {f"reports/figures/{figure}.png" for figure in FIGURES}
    assert set(results) == shown
    assert names == {path.rpartition("/")[2] for path in shown} | {"report.html"}


def test_every_caption_of_the_report_is_filled_in(report):
    results, _, _ = report
    captions = {path: result["caption"] for path, result in results.items()}
    assert all(len(caption) > 50 for caption in captions.values())
    assert not [caption for caption in captions.values() if "{{" in caption or "{%" in caption]
    assert "schema" in captions["reports/figures/matrix.png"]  # reports.headline_condition


def test_the_report_opens_with_what_was_run(report):
    page = report[2]
    assert "These are not benchmark results." in page
    assert "At most 4 test rows" in page


def test_the_overlay_is_what_ran(whole_run):
    project, _ = whole_run
    card = json.loads((project / f"results/adapters/{CELLS[0]}/run_card.json").read_text())
    wanted = yaml.safe_load((project / "tiny.yaml").read_text())["training"]
    assert card["settings"]["batch_size"] == wanted["batch_size"]
    assert (card["settings"]["lora"]["r"], card["settings"]["lora"]["alpha"]) == (2, 4)


def test_under_constrained_every_answer_is_a_label(whole_run, tmp_path):
    project = whole_run[0].copy(tmp_path / "project")
    project.configure(
        {"matrix": {"conditions": ["constrained"]}, "reports": {"headline_condition": "constrained"}},
    )
    project.snakemake(f"results/scores/{CELLS[0]}.json")
    for benchmark in BENCHMARKS:
        table = pq.read_table(project / f"results/predictions/{CELLS[0]}/constrained/{benchmark}.parquet")
        assert all(table["in_schema"].to_pylist())
        assert all(0 < confidence <= 1 for confidence in table["confidence"].to_pylist())
    scores = json.loads((project / f"results/scores/{CELLS[0]}.json").read_text())["scores"]["constrained"]
    assert {name: score["out_of_schema"] for name, score in scores.items()} == dict.fromkeys(BENCHMARKS, 0)
