"""What only a GPU can show, on tiny models: `pytest -m gpu`, to be run first on a new GPU machine.

The cell end to end runs on the CPU, too.
"""

import gc
import json
import random
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, NO_CUDA])


def on_cuda(test):
    return pytest.mark.gpu(NO_CUDA(test))


@on_cuda
def test_a_device_is_leased():
    lease = [sys.executable, "-m", "mixtune.devices", "--count", "1", "--", sys.executable, "-c"]
    run = subprocess.run([*lease, "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"], capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_tiny_cell_end_to_end(device, tmp_path, tiny_tokenizer, tiny_model, capsys, monkeypatch):
    """Tunes an adapter on an NF4 base until it knows its one label, and predicts with it."""
    from mixtune.artifacts.manifests import write_manifest
    from mixtune.cli import main
    from mixtune.data.example import Example
    from mixtune.devices.compute import choose_device
    from mixtune.prompts.chat_template import load_renderer
    from mixtune.prompts.files import write_rendered
    from mixtune.prompts.rendering import render
    from mixtune.training.finetune import finetune
    from mixtune.training.settings import FinetuneSettings

    monkeypatch.setenv("MIXTUNE_DEVICE", device)
    model = tiny_model(tiny_tokenizer("chatml"), tmp_path / "base", initializer_range=0.3)
    renderer = load_renderer(model)
    rows = [
        Example(f"toy/train/{n}", "toy", "train", f"Ada met Bob {n}.", "Ada", "Bob", 0, 3, 8, 11, "", "", "met", str(n))
        for n in range(16)
    ]
    folder = tmp_path / "rendered"
    for split in ("train", "validation"):
        options = {"condition": "generic", "shots": 0, "seed": 0, "max_length": 512, "training": True}
        write_rendered(folder / f"{split}.parquet", render(renderer, rows, {"toy": []}, {"toy": []}, **options))
    facts = {"rendered": {}, "template_hash": renderer.template_hash}
    write_manifest(folder / "manifest.json", list(folder.glob("*.parquet")), **facts)
    settings = FinetuneSettings(
        epochs=20.0,
        learning_rate=0.01,
        warmup=0.03,
        weight_decay=0.0,
        batch_size=8,
        lora={"r": 8, "alpha": 16, "dropout": 0.0, "targets": ["q_proj", "v_proj", "up_proj", "down_proj"]},
        seed=42,
    )
    adapter = tmp_path / "adapter"
    finetune(
        settings,
        model,
        folder / "manifest.json",
        adapter / "manifest.json",
        device=choose_device(device),
        micro_tokens=1024,
        scratch=tmp_path / "scratch",
    )
    card = json.loads((adapter / "run_card.json").read_text())
    assert (card["peak_gpu_bytes"] is not None) == (device == "cuda")
    losses = [line.split(",")[2] for line in (adapter / "training_log.csv").read_text().splitlines()[1:]]
    losses = [float(loss) for loss in losses if loss]
    assert losses[-1] < losses[0] / 2

    query = {"text": "Ada met Bob 3.", "head": "Ada", "tail": "Bob"}
    (tmp_path / "in.jsonl").write_text(json.dumps(query) + "\n")
    capsys.readouterr()
    options = ["--base", str(model.parent), "--max-new-tokens", "8", "--device", {"cuda": "cuda:0"}.get(device, device)]
    main(["predict", "--adapter", str(adapter), "--input", str(tmp_path / "in.jsonl"), *options])
    assert json.loads(capsys.readouterr().out)["relation"] == "met"


LORA = {"r": 4, "alpha": 8, "dropout": 0.0, "targets": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]}


def rows(number: int, length: int) -> list[dict]:
    """Rows that begin with the same twenty ids; the answer, an id and the end, follows from their first own id."""
    rng = random.Random(number)
    made = []
    for _ in range(number):
        own = [rng.randrange(97, 123) for _ in range(length - 22)]
        made.append({"input_ids": [*range(40, 60), *own, own[0], 258], "answer": 2})
    return made


@pytest.fixture
def tune(tmp_path, tiny_tokenizer, tiny_model):
    """Runs `tune` on CUDA: `tune(name, data, micro_tokens=…)` returns the losses of its steps."""
    from mixtune.devices.compute import choose_device
    from mixtune.training.settings import FinetuneSettings
    from mixtune.training.trainer import tune

    model = tiny_model(tiny_tokenizer("chatml"), tmp_path / "base", initializer_range=0.3)

    def run(name, data, micro_tokens=4096):
        settings = FinetuneSettings(
            epochs=2, learning_rate=0.01, warmup=0.1, weight_decay=0.0, batch_size=8, lora=LORA, seed=1
        )
        options = {"settings": settings, "device": choose_device("cuda"), "micro_tokens": micro_tokens}
        folder = tmp_path / name
        tune(model.parent, "tiny", data, data[:8], folder, tmp_path / "scratch" / name, checkpoint_steps=4, **options)
        log = [line.split(",") for line in (folder / "training_log.csv").read_text().splitlines()[1:]]
        return [float(row[2]) for row in log if row[2]]

    return run


@on_cuda
def test_a_step_that_does_not_fit_into_the_devices_memory_is_taken_in_smaller_passes(tune, capsys):
    data = rows(16, 4000)
    torch.cuda.reset_peak_memory_stats()
    whole = tune("whole", data, micro_tokens=32_000)
    assert "out of memory" not in capsys.readouterr().out
    most = torch.cuda.max_memory_allocated()
    gc.collect()
    torch.cuda.empty_cache()
    try:
        torch.cuda.set_per_process_memory_fraction(0.9 * most / torch.cuda.get_device_properties().total_memory)
        parts = tune("parts", data, micro_tokens=32_000)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory: continuing with 16000 tokens per pass; the step is unchanged" in capsys.readouterr().out
    assert parts == pytest.approx(whole, rel=0.02)


@on_cuda
def test_an_interrupted_run_ends_as_an_undisturbed_one(tune, monkeypatch, capsys):
    """Not to the bit: sums of gradients come in another order each time on a GPU."""
    from mixtune.training import trainer as training

    data = rows(64, 60)
    whole = tune("whole", data)
    on_step_end = training.Progress.on_step_end

    def stop(self, args, state, control, **more):
        if state.global_step == 10:
            raise KeyboardInterrupt
        return on_step_end(self, args, state, control, **more)

    monkeypatch.setattr(training.Progress, "on_step_end", stop)
    with pytest.raises(KeyboardInterrupt):
        tune("resumed", data)
    monkeypatch.undo()
    resumed = tune("resumed", data)
    assert "resuming from" in capsys.readouterr().out
    assert len(resumed) == len(whole) == 16
    assert resumed == pytest.approx(whole, rel=0.02)


@on_cuda
def test_dequantised_layers_answer_as_those_of_bitsandbytes(tmp_path, tiny_tokenizer, tiny_model, monkeypatch, capsys):
    """Their values are the same to the bit; products of few rows come from other kernels."""
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    from mixtune.devices.compute import choose_device
    from mixtune.models import qlora as models

    device = choose_device("cuda")
    folder = tiny_model(tiny_tokenizer("chatml"), tmp_path / "base").parent
    dense = models.load_base(folder, device)
    assert "dequantised once" in capsys.readouterr().out
    monkeypatch.setattr(models, "fits", lambda *_: False)
    quantised = dict(models.load_base(folder, device).train().named_modules())
    layers = [name for name, layer in quantised.items() if isinstance(layer, Linear4bit)]
    assert len(layers) == 14
    for name in layers:
        layer, same = quantised[name], dense.get_submodule(name)
        values = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(device.dtype)
        assert torch.equal(values, same.weight), name
        inputs = torch.randn(2, 5, layer.in_features, device="cuda")
        with device.autocast():
            difference = layer(inputs) - same(inputs)
            assert difference.norm() < 0.01 * same(inputs).norm(), name


@on_cuda
def test_in_float32_answers_are_those_of_generate(tmp_path, tiny_tokenizer, tiny_model):
    from transformers import AutoModelForCausalLM

    from mixtune.devices.compute import Device
    from mixtune.inference.decoder import Decoder

    folder = tiny_model(tiny_tokenizer("chatml"), tmp_path / "base", initializer_range=0.3).parent
    model = AutoModelForCausalLM.from_pretrained(folder).cuda().eval()
    prompts, options = [row["input_ids"] for row in rows(64, 80)], {"max_new_tokens": 8, "do_sample": False}
    expected = []
    for prompt in prompts:
        ids = torch.tensor([prompt], device="cuda")
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), eos_token_id=258, **options)
        expected.append([token for token in out[0, len(prompt) :].tolist() if token != 258])
    decoder = Decoder(model, Device("cuda", torch.float32, "a test says so"), [258], 0, 8)
    assert decoder.generate([prompt[20:] for prompt in prompts], decoder.compute_prefix(prompts[0][:20])) == expected
    assert len({tuple(answer) for answer in expected}) > 16


@on_cuda
def test_a_tiny_encoder_end_to_end(tmp_path, tiny_tokenizer, tiny_encoder, make_example):
    """Learns that the second mention's type determines the label."""
    import pyarrow.parquet as pq

    from mixtune.baselines.finetune_encoder import finetune_encoder
    from mixtune.baselines.predict_encoder import predict_encoder
    from mixtune.baselines.settings import FinetuneEncoderSettings, PredictEncoderSettings
    from mixtune.data.prepare_benchmark import Prepared, write
    from mixtune.devices.compute import choose_device

    model = tiny_encoder(tiny_tokenizer("gemma"), tmp_path / "base")
    labels = {"city": "lives", "firm": "works"}
    splits = {
        split: [
            make_example(n, f"Ada is at X{n}.", "Ada", f"X{n}", relation=labels[kind], tail_type=kind,
                         id=f"toy/{split}/{n}", split=split)
            for n, kind in enumerate(list(labels) * number)
        ]
        for split, number in (("train", 30), ("validation", 1), ("test", 8))
    }  # fmt: skip
    benchmark, output = tmp_path / "toy", tmp_path / "predicted" / "any" / "toy.parquet"
    write(Prepared(splits, list(labels.values()), None, {}), benchmark)
    settings = FinetuneEncoderSettings(
        epochs=12, learning_rate=0.002, warmup=0.2, weight_decay=0.01, batch_size=4, max_length=64, max_rows=None,
        seed=1, data_seed=7,
    )  # fmt: skip
    options = {"device": choose_device("cuda"), "scratch": tmp_path / "scratch"}
    benchmarks, tuned = {"toy": benchmark}, [tmp_path / "toy" / "seed-1" / "manifest.json"]
    finetune_encoder(settings, model, benchmarks, tuned, **options)
    settings = PredictEncoderSettings(max_length=64, test_rows=None, data_seed=7)
    predict_encoder(settings, tuned, benchmarks, [output], tmp_path / "predicted" / "manifest.json", **options)
    found = pq.read_table(output).to_pydict()
    assert len(found["gold"]) == 16
    assert found["predicted"] == found["gold"]
