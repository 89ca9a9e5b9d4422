# Adapters that exist, cards, and what is published: what these jobs depend on. No rules here.

RELEASED = {
    RUNS.format(model=model, mixture=mixture, shots=shots): {
        "key": f"models.{model}.adapters.{mixture}.{shots}",
        "base": entry.hub.id if entry.hub else model,
        **origin(existing),
    }
    for model, entry in CONFIG.models.items()
    for mixture, by_shots in entry.adapters.items()
    for shots, existing in by_shots.items()
}


def released_settings(wildcards):
    return canonical({**RELEASED[wildcards.released], "code": code("fetch_adapter")})


def released_files(wildcards):
    """The files of a local adapter that are there at planning time; on the hub there are none."""
    names = {"adapter_config.json", "adapter_model.safetensors", "run_card.json"}
    path = RELEASED[wildcards.released].get("path")
    return [file for file in folder_files(path) if Path(file).name in names] if path else []


def evaluated(name):
    """What a card tells of a benchmark: its title, and what the card's metadata call its data."""
    entry = CONFIG.benchmarks[name]
    datasets = {"hub": entry.hub and entry.hub.id, "path": name, "sample": f"{name}-sample-corpus"}
    return {
        "name": name,
        "title": REGISTRY[name].title if name in REGISTRY else name,
        "dataset": datasets[entry.origin],
        "sample": entry.origin == "sample",
    }


def card_settings(wildcards):
    return canonical(
        {
            "model": wildcards.model,
            "mixture": wildcards.mixture,
            "shots": int(wildcards.shots),
            "namespace": CONFIG.publish.namespace,
            "condition": CONFIG.training.condition,
            "max_length": CONFIG.training.max_length,
            "max_new_tokens": CONFIG.prediction.max_new_tokens,
            "test_rows": CONFIG.prediction.test_rows,
            # What an export may hold is no matter of the card.
            "sources": [{**source, "asked_for": False} for source in mixture_sources(wildcards.mixture)],
            "benchmarks": [evaluated(name) for name in MATRIX.benchmarks],
            "code": code("card"),
        }
    )


CARDS = [f"results/adapters/{system}/README.md" for system in TUNED]


def publish_settings(wildcards):
    chosen = CONFIG.publish
    return canonical(
        {
            "namespace": chosen.namespace,
            "private": chosen.private,
            "dry_run": chosen.dry_run,
            "sources": {mixture: mixture_sources(mixture) for mixture in chosen.mixtures},
        }
    )
