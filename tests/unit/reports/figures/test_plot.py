from mixtune.reports.figures.plot import plot
from mixtune.reports.settings import PlotSettings

SETUP = {
    "models": ["small"], "mixtures": [{"name": "gentune", "benchmarks": ["tacred"]}], "shots": [0],
    "variants": ["default"], "seeds": [42],
    "conditions": ["schema"], "benchmarks": [{"name": "tacred", "title": "TACRED", "domain": "general"}],
    "headline_condition": "schema", "caps": {"test_rows": None, "max_rows": {}}, "domains": {}, "sample": [],
    "released": [], "names": {},
}  # fmt: skip
MATRIX = """\
model,mixture,shots,seed,condition,tacred,general_avg,literary_avg,overall_avg,general_n,literary_n,overall_n,missing,flagged
small,gentune,0,42,schema,0.5,0.5,,0.5,1,0,1,,
"""


def test_a_figure_is_written_from_the_tables_that_it_reads(tmp_path):
    (tmp_path / "matrix.csv").write_text(MATRIX)
    settings = PlotSettings.model_validate({"figure": "matrix", "setup": SETUP})
    plot(settings, [tmp_path / "matrix.csv"], [], tmp_path / "figures" / "matrix")
    assert (tmp_path / "figures/matrix.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figures/matrix.pdf").read_bytes().startswith(b"%PDF")


def test_a_figure_may_be_drawn_from_training_logs_alone(tmp_path):
    log = tmp_path / "small/gentune/0-shot/seed-42/training_log.csv"
    log.parent.mkdir(parents=True)
    log.write_text("step,epoch,loss,learning_rate,grad_norm,eval_loss\n1,0.5,2.0,0.1,1,\n2,1.0,,,,1.25\n")
    plot(PlotSettings.model_validate({"figure": "training", "setup": SETUP}), [], [log], tmp_path / "training")
    assert (tmp_path / "training.png").is_file() and (tmp_path / "training.pdf").is_file()
