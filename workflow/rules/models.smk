# Pretrained models, and adapters that were fine-tuned elsewhere.


rule fetch_model:
    """Fetch a base model or encoder into a local folder, verified, as safetensors."""
    input:
        lambda wildcards: inputs.of_model(PLAN, wildcards.model),
    output:
        manifest=layout.MODEL,
    log:
        log_of("fetch_model", "{model}"),
    benchmark:
        runtime_of("fetch_model", "{model}")
    wildcard_constraints:
        model=alternatives([*CONFIG.models, *CONFIG.encoders]),
    retries: 0
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=240,
    params:
        settings=settings("fetch_model"),
    message:
        "Fetch {wildcards.model}"
    shell:
        "python -m workflow.scripts.fetch_model --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"


rule fetch_adapter:
    """Fetch a released adapter from the Hugging Face Hub or a local folder."""
    input:
        lambda wildcards: inputs.of_released(PLAN, wildcards.released),
    output:
        adapter=every(layout.RELEASED_FILE, file=["adapter_config.json", "adapter_model.safetensors"]),
        manifest=layout.RELEASED,
    log:
        log_of("fetch_adapter", "{released}"),
    benchmark:
        runtime_of("fetch_adapter", "{released}")
    retries: 0
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=settings("fetch_adapter"),
    message:
        "Fetch the adapter {wildcards.released}"
    shell:
        "python -m workflow.scripts.fetch_adapter --settings {params.settings:q}"
        " --manifest {output.manifest} --pin results/pins/adapters/{wildcards.released}.json > {log} 2>&1"
