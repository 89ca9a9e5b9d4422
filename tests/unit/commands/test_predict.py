"""`mixtune predict`: input checks, and the same answers as the workflow's own prediction."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from operator import itemgetter
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

import mixtune.commands.predict
import mixtune.inference.labeller
from mixtune.artifacts.manifests import write_json, write_manifest
from mixtune.cli import main
from mixtune.data.example import Example
from mixtune.data.files import write_examples
from mixtune.data.labels import recognise
from mixtune.devices.compute import choose_device
from mixtune.inference import predict as predicting
from mixtune.inference.decoder import Decoder
from mixtune.inference.settings import PredictSettings
from mixtune.models.qlora import load_base
from mixtune.prompts.chat_template import Renderer, RenderError, load_renderer
from mixtune.prompts.files import write_rendered
from mixtune.prompts.render_prompts import render_prompts
from mixtune.prompts.rendering import render
from mixtune.prompts.settings import RenderPromptsSettings
from mixtune.training.finetune import finetune
from mixtune.training.settings import FinetuneSettings
from tests.upload_hub import serving

SETTINGS = FinetuneSettings(
    epochs=1.0,
    learning_rate=0.01,
    warmup=0.0,
    weight_decay=0.0,
    batch_size=4,
    lora={"r": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "v_proj"]},
    seed=1,
)
QUERIES = [{"text": f"Ada met Bob in town {n}.", "head": "Ada", "tail": "Bob", "n": n} for n in range(5)]
SPANS = {"head_start": 0, "head_end": 3, "tail_start": 8, "tail_end": 11}
LABELS = ["knows", "lives in", "works for", "none"]
COMMIT = "c" * 40
CONDITIONS = ["generic", "schema", "constrained"]


def example(n: int) -> Example:
    text = QUERIES[n]["text"]
    return Example(f"toy/train/{n}", "toy", "train", text, "Ada", "Bob", 0, 3, 8, 11, "", "", "knows", str(n))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, tiny_tokenizer, tiny_model):
    """Folders of a tiny base model and of an adapter tuned on it by the workflow's own function."""
    folder = tmp_path_factory.mktemp("cli")
    model = tiny_model(tiny_tokenizer("chatml"), folder / "base", initializer_range=0.3)
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
    finetune(
        SETTINGS,
        model,
        folder / "rendered" / "manifest.json",
        adapter / "manifest.json",
        device=choose_device("cpu"),
        micro_tokens=1024,
        scratch=folder / "scratch",
    )
    return model.parent, adapter


def predict(tuned, given, capsys, tmp_path, *extra, status=0):
    """Answers and standard error for lines (or the path of a file) that are labelled with the tuned adapter."""
    if not isinstance(given, Path):
        path = tmp_path / "in.jsonl"
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in given))
        given = path
    base, adapter = tuned
    options = ["--base", str(base), "--adapter", str(adapter), "--input", str(given), "--max-new-tokens", "4"]
    return run([*options, *extra], capsys, status)


def run(options, capsys, status=0):
    try:
        main(["predict", *options])
        ended = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        ended = end.code
    captured = capsys.readouterr()
    assert ended == status, captured.err
    return [json.loads(line) for line in captured.out.splitlines()], captured.err


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("MIXTUNE_DEVICE", "cpu")


@pytest.fixture
def answered_prompts(monkeypatch):
    """The prompts of the run, each of which is answered "knows"."""
    prompts = []

    def spy(given, *_):
        prompts.extend(given)
        return [("knows", None)] * len(given)

    monkeypatch.setattr(mixtune.inference.labeller, "answer", spy)
    return prompts


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_text("\n".join(LABELS))
    return path


def test_every_line_comes_back_in_order_with_a_relation(tuned, capsys, tmp_path):
    rows, _ = predict(tuned, QUERIES, capsys, tmp_path)
    assert [{key: row[key] for key in QUERIES[0]} for row in rows] == QUERIES
    assert all(isinstance(row["relation"], str) and row["confidence"] is None for row in rows)


def test_the_prompt_is_that_of_the_workflow(tuned, capsys, tmp_path, answered_prompts):
    rows, _ = predict(tuned, QUERIES[:1], capsys, tmp_path)
    renderer = load_renderer(tuned[0] / "manifest.json")
    options = {"condition": "generic", "shots": 0, "seed": 0, "max_length": 1024, "training": False}
    (expected,) = render(renderer, [example(0)], {"toy": []}, {"toy": []}, **options)
    assert answered_prompts == [expected.input_ids]
    assert rows[0]["relation"] == "knows"


@pytest.fixture(scope="module")
def of_the_workflow(tuned, tmp_path_factory):
    """Predictions of the workflow for the same rows, in their order, by condition."""
    base, adapter = tuned
    folder = tmp_path_factory.mktemp("workflow")
    benchmark, prompts = folder / "toy", folder / "prompts"
    for split in ("train", "test"):
        write_examples(benchmark / f"{split}.parquet", [example(n) for n in range(len(QUERIES))])
    write_json(benchmark / "labels.json", {"labels": LABELS, "negative": None})
    write_json(folder / "all.json", {"benchmarks": ["toy"]})
    settings = RenderPromptsSettings(shots=0, max_length=4096, test_rows=None, data_seed=0)
    files = [prompts / condition / "toy.parquet" for condition in ("generic", "schema")]
    manifest = prompts / "manifest.json"
    render_prompts(settings, load_renderer(base / "manifest.json"), folder / "all.json", files, manifest)
    found = {condition: folder / "found" / condition / "toy.parquet" for condition in CONDITIONS}
    predicting.predict(
        PredictSettings(max_new_tokens=4, constrained="greedy"),
        base / "manifest.json",
        adapter / "manifest.json",
        manifest,
        {"toy": benchmark},
        list(found.values()),
        folder / "found" / "manifest.json",
        device=choose_device("cpu"),
        scratch=folder / "scratch",
    )
    return {name: sorted(pq.read_table(path).to_pylist(), key=itemgetter("id")) for name, path in found.items()}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_answers_and_confidences_are_those_of_the_workflow(tuned, capsys, tmp_path, labels, of_the_workflow, condition):
    rows, _ = predict(tuned, QUERIES, capsys, tmp_path, "--condition", condition, "--labels", str(labels))
    expected = of_the_workflow[condition]
    assert [row["relation"] for row in rows] == [row["predicted"] for row in expected]
    assert [row["confidence"] for row in rows] == [row["confidence"] for row in expected]
    if condition == "constrained":
        assert {row["relation"] for row in rows} <= set(LABELS)
        assert len({row["confidence"] for row in rows if 0 < row["confidence"] < 1}) > 1


def test_the_prompt_of_schema_holds_the_labels(tuned, capsys, tmp_path, labels, answered_prompts):
    predict(tuned, QUERIES[:1], capsys, tmp_path, "--condition", "schema", "--labels", str(labels))
    text = load_renderer(tuned[0] / "manifest.json").tokenizer.decode(answered_prompts[0])
    assert "from this allowed set:\n" + "\n".join(LABELS) + "\n" in text


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_every_format_gives_the_same_answers(tuned, capsys, tmp_path, form):
    given = [{"text": row["text"], "head": "Ada", "tail": "Bob", **SPANS, "n": str(row["n"])} for row in QUERIES]
    table = tmp_path / f"in.{form}"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, given[0], dialect="excel" if form == "csv" else "excel-tab")
        writer.writeheader()
        writer.writerows(given)
    expected, _ = predict(tuned, given, capsys, tmp_path)
    assert predict(tuned, table, capsys, tmp_path)[0] == expected
    renamed = table.rename(tmp_path / "rows")
    assert predict(tuned, renamed, capsys, tmp_path, "--format", form)[0] == expected


def test_tables_are_read_as_pandas_writes_them_and_arrays_as_json_does(tuned, capsys, tmp_path):
    given = [{"text": f'"Ada" met Bob, {n}.', "head": "Ada", "tail": "Bob"} for n in range(2)]
    expected, _ = predict(tuned, given, capsys, tmp_path)
    frame, array = pd.DataFrame(given), tmp_path / "in.JSON"
    frame.to_csv(tmp_path / "in.CSV", sep=";", index=False, encoding="utf-8-sig")
    frame.to_csv(tmp_path / "in.TSV", sep="\t", index=False)
    array.write_text(json.dumps(given, indent=1))
    for path in (tmp_path / "in.CSV", tmp_path / "in.TSV", array):
        assert predict(tuned, path, capsys, tmp_path)[0] == expected
    plain, _ = predict(tuned, tmp_path / "in.TSV", capsys, tmp_path, "--quoting", "none")
    assert plain[0]["text"] == '"""Ada"" met Bob, 0."'


def test_a_bad_line_is_reported_and_the_rest_goes_on(tuned, capsys, tmp_path):
    given = [QUERIES[0], "no JSON", "", QUERIES[1] | SPANS | {"head_end": 4}, QUERIES[2], {"text": "Ada"}]
    given.append(QUERIES[3] | {"head": "Eve"})
    output = tmp_path / "out.jsonl"
    rows, log = predict(tuned, given, capsys, tmp_path, "--output", str(output), status=3)
    assert rows == []
    assert [json.loads(line)["n"] for line in output.read_text().splitlines()] == [0, 2]
    for number, problem in (
        (2, "not valid JSON"),
        (4, "mention 'Ada' is not at 0:4"),
        (6, "check head, tail"),
        (7, "'Eve' not found"),
    ):
        assert re.search(rf"in\.jsonl: line {number}: .*{problem}", log)
    assert "4 of 6 lines could not be labelled" in log


def test_a_text_that_does_not_fit_is_a_bad_line_and_cuts_are_counted(tuned, capsys, tmp_path):
    long = {"text": "Ada met Bob" + " and others" * 200, "head": "Ada", "tail": "Bob", "n": 5}
    never = {"text": "Ada " * 200 + "met Bob", "head": "Ada " * 150 + "Ada", "tail": "Bob"}
    given = [*QUERIES, never, long]
    rows, log = predict(tuned, given, capsys, tmp_path, "--max-length", "500", status=3)
    assert [row["n"] for row in rows] == list(range(6))
    assert "line 6: even its shortest prompt has more than 500 tokens (--max-length)" in log
    assert "prompts that lost text to fit into 500 tokens: 1\n" in log


def test_a_text_that_the_template_changes_is_a_bad_line(tuned, capsys, tmp_path, monkeypatch):
    render_text = Renderer.text

    def refuse(renderer, conversation):
        if "town 3" in conversation[-1]["content"]:
            raise RenderError("the chat template changes it")
        return render_text(renderer, conversation)

    monkeypatch.setattr(Renderer, "text", refuse)
    rows, log = predict(tuned, QUERIES, capsys, tmp_path, status=3)
    assert [row["n"] for row in rows] == [0, 1, 2, 4]
    assert "line 4: the chat template changes it\n" in log


def test_labels_that_cannot_be_answers_are_refused(tuned, tmp_path):
    labels, options = tmp_path / "labels.txt", ["--text", "Ada met Bob.", "--head", "Ada", "--tail", "Bob"]
    base, adapter = map(str, tuned)
    for label, problem in (("a<|im_end|>", "--labels: label .* contains a control token"), ("KNOWS", "spelt 'knows'")):
        labels.write_text(f"knows\n{label}\n")
        with pytest.raises(SystemExit, match=problem):
            main(["predict", "--base", base, "--adapter", adapter, "--labels", str(labels), *options])


def test_windows_leave_the_answers_in_order(tuned, capsys, tmp_path, monkeypatch):
    expected, _ = predict(tuned, QUERIES, capsys, tmp_path)
    monkeypatch.setattr(mixtune.inference.labeller, "TOKENS_PER_ROW", 2048)  # two rows a window on a CPU
    written, write = [], mixtune.commands.predict._write
    monkeypatch.setattr(mixtune.commands.predict, "_write", lambda *given: written.append(given[1]) or write(*given))
    assert predict(tuned, QUERIES, capsys, tmp_path)[0] == expected
    assert [len(window) for window in written] == [2, 2, 1]


def test_demonstrations_precede_the_question(tuned, capsys, tmp_path, answered_prompts):
    shown = tmp_path / "shown.csv"
    shown.write_text("text,head,tail,relation\nEve knows Dan.,Eve,Dan,knows\n")
    predict(tuned, [QUERIES[0], QUERIES[0]], capsys, tmp_path, "--demonstrations", str(shown))
    text = load_renderer(tuned[0] / "manifest.json").tokenizer.decode(answered_prompts[0])
    assert text.index("Eve knows Dan.") < text.index("Ada met Bob")
    assert answered_prompts[0] == answered_prompts[1]
    shown.write_text("text,head,tail,relation\nEve knows Dan.,Eve,Dan,\n")
    with pytest.raises(SystemExit, match=r"shown\.csv: line 2: .*check relation"):
        predict(tuned, QUERIES[:1], capsys, tmp_path, "--demonstrations", str(shown))
    shown.write_text("text,head,tail,relation\n")
    with pytest.raises(SystemExit, match=r"shown\.csv is empty; give at least one demonstration"):
        predict(tuned, QUERIES[:1], capsys, tmp_path, "--demonstrations", str(shown))


def test_no_input_gives_no_output(tuned, capsys, tmp_path):
    assert predict(tuned, [], capsys, tmp_path)[0] == []


def test_one_sentence_gives_the_same_line(tuned, capsys, tmp_path):
    query = {name: QUERIES[0][name] for name in ("text", "head", "tail")}
    expected, _ = predict(tuned, [query], capsys, tmp_path)
    options = [part for name, value in query.items() for part in (f"--{name}", value)]
    base, adapter = tuned
    chosen = ["--base", str(base), "--adapter", str(adapter), "--max-new-tokens", "4"]
    assert run([*options, *chosen], capsys)[0] == expected


def test_marked_mentions_give_the_same_answers(tuned, capsys, tmp_path, answered_prompts):
    queries = [{name: query[name] for name in ("text", "head", "tail")} for query in QUERIES[:2]]
    shown = example(2)
    demonstrations, marked = tmp_path / "plain.jsonl", tmp_path / "marked.jsonl"
    record = {"text": shown.text, "head": shown.head, "tail": shown.tail, "relation": "knows"}
    demonstrations.write_text(json.dumps(record))
    marked.write_text(json.dumps({"text": mark(record["text"]), "relation": "knows"}))
    predict(tuned, queries, capsys, tmp_path, "--demonstrations", str(demonstrations))
    expected = list(answered_prompts)
    answered_prompts.clear()
    markers = ["--markers", "<<", ">>", "[[", "]]"]
    given = [{"text": mark(query["text"])} for query in queries]
    found, _ = predict(tuned, given, capsys, tmp_path, "--demonstrations", str(marked), *markers)
    assert answered_prompts == expected
    assert [row["text"] for row in found] == [row["text"] for row in given]
    base, adapter = tuned
    one = ["--base", str(base), "--adapter", str(adapter), "--text", given[0]["text"], *markers]
    assert run(one, capsys)[0][0]["relation"] == "knows"


def mark(text: str) -> str:
    return text.replace("Ada", "<<Ada>>").replace("Bob", "[[ Bob ]]")


def test_answers_longer_than_the_context_are_refused(tuned):
    base, adapter = tuned
    options = [
        "--base",
        str(base),
        "--adapter",
        str(adapter),
        "--text",
        "Ada met Bob.",
        "--head",
        "Ada",
        "--tail",
        "Bob",
    ]
    message = (
        r"--max-new-tokens: 8,192 tokens do not fit; the model has 8,192 positions for prompt and answer: lower it"
    )
    with pytest.raises(SystemExit, match=message):
        main(["predict", *options, "--max-new-tokens", "8192"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "Ada met Bob.", "--head", "Ada"], "--head and --tail must be given together, and without --input"),
        (["--text", "Ada", "--head", "Ada", "--tail", "Ada", "--input", __file__], "without --input"),
        (["--text", "Ada", "--head", "Ada", "--tail", " "], "none empty; check tail"),
        (["--condition", "schema"], "--condition schema needs --labels"),
        (["--condition", "constrained"], "--condition constrained needs --labels"),
        (["--labels", "nowhere"], "file nowhere not found"),
        (["--input", "."], "file . not found"),
        (["--device", "gpu"], "unknown device gpu; must be cpu, cuda or cuda:N"),
        (["--format", "xml"], "invalid choice"),
        (
            ["--max-new-tokens", "0"],
            "argument --max-new-tokens: '0' is not possible; must be a whole number, at least 1",
        ),
        (["--max-new-tokens", "-1"], "'-1' is not possible"),
        (["--max-length", "15"], "must be a whole number, at least 16"),
        (["--output", "."], "argument --output: . is a folder; give the path of a file"),
        (["--output", f"{__file__}/below"], "is a file, not a folder; choose another path"),
        (["--text", "Ada", "--head", "Ada", "--tail", "Bob"], "tail 'Bob' not found in text"),
        (["--text", "Ada", "--markers", "<<", ">>", "[[", "]]"], "marker missing: <<, >>, [[, ]]"),
        (
            ["--text", "A", "--head", "A", "--tail", "A", "--markers", "a", "b"],
            "with --markers, --text must be given al",
        ),
        (["--markers", "a", "b", "c"], "give four, opening and closing of head and tail, or two placeholders"),
        (["--markers", "a", "a"], "they must differ"),
        (["--markers", "a", " "], "they must differ"),
    ],
)
def test_wrong_usage_is_reported_with_status_2(capsys, options, message):
    assert message in run(["--adapter", "nowhere", *options], capsys, status=2)[1]


def test_wrong_usage_is_refused_before_torch_is_imported():
    program = "import sys; from mixtune.cli import main; main()"
    options = ["predict", "--adapter", "nowhere", "--condition", "schema"]
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program, *options], capture_output=True, text=True
    )
    assert ended.returncode == 2
    modules = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "mixtune.inference.streams" in modules
    assert not modules & {"torch", "transformers", "pyarrow"}


def test_what_has_arrived_is_labelled_before_the_input_ends(tuned):
    base, adapter = tuned
    command = [sys.executable, "-m", "mixtune.cli", "predict", "--base", str(base), "--adapter", str(adapter)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        for n in (0, 1):
            run.stdin.write(json.dumps(QUERIES[n]).encode() + b"\n")
            run.stdin.flush()
            assert json.loads(run.stdout.readline())["n"] == n
        run.stdin.write(b"no JSON")
        rest, log = run.communicate()
    assert (rest, run.returncode) == (b"", 3)
    assert b"standard input: line 3: not valid JSON" in log


def test_an_output_takes_its_place_when_it_is_whole(tuned, capsys, tmp_path, monkeypatch):
    expected, _ = predict(tuned, QUERIES, capsys, tmp_path)
    path = tmp_path / "in.jsonl"
    before = path.read_text()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mixtune.inference.labeller, "answer", interrupted)
        predict(tuned, path, capsys, tmp_path, "--output", str(path), status=130)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
    assert predict(tuned, path, capsys, tmp_path, "--output", str(path))[0] == []
    assert list(map(json.loads, path.read_text().splitlines())) == expected


def test_ctrl_c_leaves_whole_lines():
    class Slow(io.BytesIO):
        def write(self, content):
            super().write(content[:7])
            os.kill(os.getpid(), signal.SIGINT)
            return super().write(content[7:])

    output = Slow()
    with pytest.raises(KeyboardInterrupt):
        mixtune.commands.predict._write(output, [{"text": "Ada\ud83d"}, {"text": "Bób"}])
    assert output.getvalue() == '{"text": "Ada\\ud83d"}\n{"text": "Bób"}\n'.encode()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_what_is_said_while_it_computes_is_no_answer(tuned, capsys, tmp_path, monkeypatch):
    generate = Decoder.generate

    def small(self, prompts, prefix):
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("a test says so")
        return generate(self, prompts, prefix)

    monkeypatch.setattr(Decoder, "generate", small)
    rows, log = predict(tuned, QUERIES, capsys, tmp_path)
    assert len(rows) == len(QUERIES)
    assert "out of memory with 5 prompts: continuing with halves" in log


def test_a_terminal_is_shown_how_far_it_is(tuned, capsys, tmp_path, monkeypatch, answered_prompts):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    rows, log = predict(tuned, [*QUERIES, "no JSON"], capsys, tmp_path, status=3)
    assert len(rows) == len(QUERIES)
    assert "5 labelled, 1 not" in log
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert "5 labelled" not in predict(tuned, QUERIES, capsys, tmp_path)[1]


def test_the_option_device_goes_before_the_environment(tuned, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MIXTUNE_DEVICE", "cuda")
    log = predict(tuned, QUERIES[:1], capsys, tmp_path, "--device", "cpu")[1]
    assert "computing on cpu in" in log
    with pytest.raises(SystemExit, match=r"no CUDA device is visible|device cuda:99 not found"):
        predict(tuned, QUERIES[:1], capsys, tmp_path, "--device", "cuda:99")


@pytest.fixture(scope="module")
def released(tuned, tmp_path_factory):
    """The folder of an adapter with random weights on the same base, made and saved by plain PEFT."""
    folder = tmp_path_factory.mktemp("released")
    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tuned[0]), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


def test_an_adapter_of_plain_peft_answers_as_peft_does(tuned, released, capsys, tmp_path):
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in QUERIES))
    options = ["--adapter", str(released), "--input", str(tmp_path / "in.jsonl"), "--max-new-tokens", "4"]
    rows, log = run(options, capsys)  # the base is the folder that PEFT wrote down
    assert "does not record which chat template" in log
    device, renderer = choose_device("cpu"), load_renderer(tuned[0] / "manifest.json")
    model = PeftModel.from_pretrained(load_base(tuned[0], device), released).eval()
    shown = {"condition": "generic", "shots": 0, "seed": 0, "max_length": 1024, "training": False}
    prompts = [
        row.input_ids for row in render(renderer, [example(n) for n in range(5)], {"toy": []}, {"toy": []}, **shown)
    ]

    def plainly():
        options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": renderer.stop_ids}
        with torch.no_grad(), device.autocast():
            found = [model.generate(input_ids=torch.tensor([ids]), **options)[0, len(ids) :] for ids in prompts]
        return [recognise(text, ())[0] for text in renderer.tokenizer.batch_decode(found, skip_special_tokens=True)]

    assert [row["relation"] for row in rows] == plainly()
    with model.disable_adapter():
        assert [row["relation"] for row in rows] != plainly()


def test_adapter_and_base_may_be_hub_ids(tuned, released, capsys, tmp_path, monkeypatch):
    constants = huggingface_hub.constants
    queries = tmp_path / "in.jsonl"
    queries.write_text(json.dumps(QUERIES[0]))
    options = ["--input", str(queries), "--max-new-tokens", "4"]
    expected, _ = run(["--adapter", str(released), *options], capsys)
    with serving() as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for id, folder in (("maker/adapter", released), ("maker/base", tuned[0])):
            files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
            files |= {"pytorch_model.bin": b"a pickle", "modeling.py": b"code"}
            hub.repositories["model", id] = {"private": False, "files": files}
        config = json.loads((released / "adapter_config.json").read_text()) | {"base_model_name_or_path": "maker/base"}
        hub.repositories["model", "maker/adapter"]["files"]["adapter_config.json"] = json.dumps(config).encode()
        assert run(["--adapter", f"maker/adapter@{COMMIT}", *options], capsys)[0] == expected
        assert run(["--adapter", str(released), "--base", f"maker/base@{COMMIT}", *options], capsys)[0] == expected
        taken = {path.partition("/resolve/")[2] for path in hub.requests if "/resolve/" in path}
        assert {f"{COMMIT}/adapter_model.safetensors", f"{COMMIT}/model.safetensors"} < taken
        assert not [path for path in taken if path.endswith((".bin", ".py", ".md"))]
        with pytest.raises(SystemExit, match=r"--adapter: maker/gone is no folder here and cannot be fetched"):
            run(["--adapter", "maker/gone", *options], capsys)


def test_another_template_is_refused_and_an_unknown_one_is_warned_of(tuned, capsys, tmp_path):
    card = tuned[1] / "run_card.json"
    kept = card.read_text()
    try:
        card.write_text(json.dumps(json.loads(kept) | {"template_hash": "other"}))
        with pytest.raises(SystemExit, match="another chat template"):
            predict(tuned, QUERIES[:1], capsys, tmp_path)
        card.unlink()
        assert "does not record which chat template" in predict(tuned, QUERIES[:1], capsys, tmp_path)[1]
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
