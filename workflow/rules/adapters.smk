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


# Write the card of an adapter that was tuned here.
rule card:
    input:
        adapter="results/adapters/{model}/{mixture}/{shots}-shot/seed-{seed}/manifest.json",
        model="results/models/{model}/manifest.json",
        mixture="results/mixtures/{mixture}/manifest.json",
        scores="results/scores/{model}/{mixture}/{shots}-shot/seed-{seed}.json",
        citation="CITATION.cff",
    output:
        card="results/adapters/{model}/{mixture}/{shots}-shot/seed-{seed}/README.md",
        notice="results/adapters/{model}/{mixture}/{shots}-shot/seed-{seed}/NOTICE",
    log:
        "logs/card/{model}/{mixture}/{shots}-shot/seed-{seed}.log",
    benchmark:
        "results/runtimes/card/{model}/{mixture}/{shots}-shot/seed-{seed}.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        settings=card_settings,
    message:
        "Write the card of {wildcards.model} ({wildcards.mixture}, {wildcards.shots} shots, seed {wildcards.seed})"
    shell:
        "python -m workflow.scripts.card --settings {params.settings:q} --adapter {input.adapter}"
        " --model {input.model} --mixture {input.mixture} --scores {input.scores}"
        " --citation {input.citation} --output {output.card} > {log} 2>&1"
