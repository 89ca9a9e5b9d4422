# Adapters that were tuned elsewhere, and what others need to use those that were tuned here.


# Bring an adapter that exists into a folder of this run.
rule fetch_adapter:
    input:
        released_files,
    output:
        adapter=expand(
            "results/released/{{released}}/{file}",
            file=["adapter_config.json", "adapter_model.safetensors"],
        ),
        manifest="results/released/{released}/manifest.json",
    log:
        "logs/fetch_adapter/{released}.log",
    benchmark:
        "results/runtimes/fetch_adapter/{released}.tsv"
    wildcard_constraints:
        released=alternatives(RELEASED),
    retries: 0
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        settings=released_settings,
    message:
        "Fetch the adapter {wildcards.released}"
    shell:
        "python -m workflow.scripts.fetch_adapter --settings {params.settings:q}"
        " --manifest {output.manifest} --pin results/pins/adapters/{wildcards.released}.json > {log} 2>&1"
