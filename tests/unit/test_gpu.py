"""One tiny cell end to end: on CUDA by `pytest -m gpu`, to be run first on a new GPU machine; on the CPU always."""

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

CUDA = pytest.param(
    "cuda",
    marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")],
)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_device_is_leased():
    lease = [sys.executable, "-m", "mixtune.devices", "--count", "1", "--", sys.executable, "-c"]
    run = subprocess.run([*lease, "import os; print(os.environ['CUDA_VISIBLE_DEVICES'])"], capture_output=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_tiny_cell_end_to_end(device, tmp_path, tiny_tokenizer, tiny_model, capsys, monkeypatch):
    """Tunes an adapter on an NF4 base until it knows its one label, and predicts with it."""
    from mixtune.benchmarks.example import Example
    from mixtune.cells import finetune_cell
    from mixtune.cli import main
    from mixtune.compute import choose_device
    from mixtune.manifests import write_manifest
    from mixtune.rendered_files import write_rendered
    from mixtune.rendering import load_renderer, render

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
    settings = {
        "epochs": 20.0,
        "learning_rate": 0.01,
        "warmup": 0.03,
        "weight_decay": 0.0,
        "batch_size": 8,
        "lora": {"r": 8, "alpha": 16, "dropout": 0.0, "targets": ["q_proj", "v_proj", "up_proj", "down_proj"]},
        "seed": 42,
        "code": "",
    }
    adapter = tmp_path / "adapter"
    finetune_cell(
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
