# Adapters that exist, cards, and what is published: what their jobs depend on. No rules here.

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
