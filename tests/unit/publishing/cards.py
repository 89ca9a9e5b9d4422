"""Settings and the run card of a tiny adapter, for tests of cards."""

from mixtune.publishing.settings import CardSettings

RUN = {
    "base_model": "maker/tiny",
    "base_model_commit": None,
    "template_hash": "a" * 64,
    "settings": {
        "epochs": 2.0, "learning_rate": 1e-05, "warmup": 0.03, "weight_decay": 0.01, "batch_size": 8, "seed": 7,
        "lora": {"r": 64, "alpha": 128, "dropout": 0.05, "targets": ["q_proj", "v_proj"]},
    },
    "device": "NVIDIA <H100> | 80GB", "dtype": "torch.bfloat16", "micro_tokens": 4096, "seconds": 3723.4,
    "peak_gpu_bytes": 3 * 2**30, "versions": {"torch": "2.9", "peft": "0.21"},
    "steps": 1234, "train_loss": 0.12345, "validation_loss": None, "examples": 9876, "trainable_parameters": 4567890,
}  # fmt: skip


def benchmark(name: str, **changed) -> dict:
    return {"name": name, "title": name.capitalize(), "dataset": f"some/{name}", "sample": False} | changed


def source(name: str, **changed) -> dict:
    facts = {"name": name, "title": name.capitalize(), "origin": "hub", "hub": f"some/{name}"}
    return facts | {"licence": "MIT", "redistributable_as": "mit", "licensed": False, "language": "en"} | changed


def settings(**changed) -> CardSettings:
    values = {
        "model": "tiny", "mixture": "own", "shots": 2, "variant": "default", "namespace": None, "licence": None,
        "condition": "generic",
        "max_length": 1024, "max_new_tokens": 8, "test_rows": None,
        "sources": [source("web"), source("news", licence="LDC | <b>", hub="")],
        "benchmarks": [benchmark("web"), benchmark("tales", title="Tales <i>|")],
    }  # fmt: skip
    return CardSettings.model_validate(values | changed)
