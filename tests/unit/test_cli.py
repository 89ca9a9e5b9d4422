"""`mixtune predict`: input checks, and the same answers as the workflow's own prediction."""

import json
import sys

import pytest

from mixtune.benchmarks.example import Example
from mixtune.cells import finetune_cell
from mixtune.cli import main, read_lines
from mixtune.compute import choose_device
from mixtune.errors import UserError
from mixtune.manifests import write_manifest
from mixtune.rendered_files import write_rendered
from mixtune.rendering import load_renderer, render

SETTINGS = {
    "epochs": 1.0,
    "learning_rate": 0.01,
    "warmup": 0.0,
    "weight_decay": 0.0,
    "batch_size": 4,
    "lora": {"r": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"]},
    "seed": 1,
    "code": "",
}
QUERIES = [{"text": f"Ada met Bob in town {n}.", "head": "Ada", "tail": "Bob", "n": n} for n in range(5)]


def example(n: int) -> Example:
    text = QUERIES[n]["text"]
    return Example(f"toy/train/{n}", "toy", "train", text, "Ada", "Bob", 0, 3, 8, 11, "", "", "knows", str(n))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, tiny_tokenizer, tiny_model):
    """Folders of a tiny base model and of an adapter tuned on it by the workflow's own function."""
    folder = tmp_path_factory.mktemp("cli")
    model = tiny_model(tiny_tokenizer("chatml"), folder / "base")
    renderer = load_renderer(model)
    rows = [example(n) for n in range(4)]
    options = {"condition": "generic", "shots": 0, "seed": 0, "max_length": 1024}
    for split in ("train", "validation"):
        rendered = render(renderer, rows, {"toy": []}, {"toy": []}, training=True, **options)
        write_rendered(folder / "rendered" / f"{split}.parquet", rendered)
    write_manifest(
        folder / "rendered" / "manifest.json",
        list((folder / "rendered").glob("*.parquet")),
        rendered={},
        template_hash=renderer.template_hash,
    )
    adapter = folder / "adapter"
    finetune_cell(
        SETTINGS,
        model,
        folder / "rendered" / "manifest.json",
        adapter / "manifest.json",
        device=choose_device("cpu"),
        micro_tokens=1024,
        scratch=folder / "scratch",
    )
    return model.parent, adapter


def predict(tuned, lines, capsys, tmp_path, *extra):
    base, adapter = tuned
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    limits = ["--max-new-tokens", "4"]
    main(
        [
            "predict",
            "--base",
            str(base),
            "--adapter",
            str(adapter),
            "--input",
            str(tmp_path / "in.jsonl"),
            *limits,
            *extra,
        ]
    )
    captured = capsys.readouterr()
    return [json.loads(line) for line in captured.out.splitlines()], captured.err


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("MIXTUNE_DEVICE", "cpu")


def test_every_line_comes_back_in_order_with_a_relation(tuned, capsys, tmp_path):
    rows, _ = predict(tuned, QUERIES, capsys, tmp_path)
    assert [{key: row[key] for key in QUERIES[0]} for row in rows] == QUERIES
    assert all(isinstance(row["relation"], str) for row in rows)


def test_the_prompt_is_that_of_the_workflow(tuned, capsys, tmp_path, monkeypatch):
    asked = []
    import mixtune.predicting

    def spy(prompts, parts, decoder, ask, budget):
        asked.extend(prompts)
        return [("knows", None)] * len(prompts)

    monkeypatch.setattr(mixtune.predicting, "answer", spy)
    rows, _ = predict(tuned, QUERIES[:1], capsys, tmp_path)
    renderer = load_renderer(tuned[0] / "manifest.json")
    options = {"condition": "generic", "shots": 0, "seed": 0, "max_length": 1024, "training": False}
    (expected,) = render(renderer, [example(0)], {"toy": []}, {"toy": []}, **options)
    assert asked == [expected.input_ids]
    assert rows[0]["relation"] == "knows"


def test_demonstrations_stand_before_the_question(tuned, capsys, tmp_path, monkeypatch):
    import mixtune.predicting

    asked = []
    monkeypatch.setattr(
        mixtune.predicting, "answer", lambda prompts, *_: asked.extend(prompts) or [("", None)] * len(prompts)
    )
    shown = tmp_path / "shown.jsonl"
    shown.write_text(json.dumps({"text": "Eve knows Dan.", "head": "Eve", "tail": "Dan", "relation": "knows"}) + "\n")
    predict(tuned, QUERIES[:1], capsys, tmp_path, "--demonstrations", str(shown))
    text = load_renderer(tuned[0] / "manifest.json").tokenizer.decode(asked[0])
    assert text.index("Eve knows Dan.") < text.index("Ada met Bob")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not valid JSON"),
        ("[]", "expected an object"),
        ('{"text": "a", "head": "a"}', "text, head, tail"),
        ('{"text": "a", "head": " ", "tail": "a"}', "none empty"),
        ('{"text": 3, "head": "a", "tail": "a"}', "strings"),
    ],
)
def test_a_bad_line_is_named(line, problem):
    with pytest.raises(UserError, match=f"line 2: .*{problem}"):
        list(read_lines(["\n", line], ("text", "head", "tail")))


def test_no_input_gives_no_output(tuned, capsys, tmp_path):
    assert predict(tuned, [], capsys, tmp_path)[0] == []


def test_another_template_is_refused_and_an_unknown_one_is_warned_of(tuned, capsys, tmp_path):
    card = tuned[1] / "run_card.json"
    kept = card.read_text()
    try:
        card.write_text(json.dumps(json.loads(kept) | {"template_hash": "other"}))
        with pytest.raises(SystemExit, match="another chat template"):
            predict(tuned, QUERIES[:1], capsys, tmp_path)
        card.unlink()
        assert "does not say which chat template" in predict(tuned, QUERIES[:1], capsys, tmp_path)[1]
    finally:
        card.write_text(kept)


def test_a_folder_without_an_adapter_and_a_missing_base_are_named(tuned, tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text(json.dumps(QUERIES[0]))
    monkeypatch.setattr(sys, "argv", ["mixtune"])
    with pytest.raises(SystemExit, match="holds no adapter_config"):
        main(["predict", "--adapter", str(tmp_path), "--input", str(tmp_path / "in.jsonl")])
    with pytest.raises(SystemExit, match="--base"):
        missing = str(tmp_path / "nowhere")
        main(["predict", "--adapter", str(tuned[1]), "--base", missing, "--input", str(tmp_path / "in.jsonl")])
