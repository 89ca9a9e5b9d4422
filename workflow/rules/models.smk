# Base models and encoders.


# Bring a pretrained model into a local folder in safetensors, verified.
rule fetch_model:
    input:
        model_files,
    output:
        manifest="results/models/{model}/manifest.json",
    log:
        "logs/fetch_model/{model}.log",
    benchmark:
        "results/runtimes/fetch_model/{model}.tsv"
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
        settings=model_settings,
    message:
        "Fetch {wildcards.model}"
    shell:
        "python -m workflow.scripts.fetch_model --settings {params.settings:q}"
        " --manifest {output.manifest} > {log} 2>&1"
