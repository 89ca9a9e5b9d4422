# What others get: mixtures as data sets, and uploads. Not part of `all`.


# Write a mixture as a folder that `datasets` loads, with its data-set card.
rule export_mixture:
    input:
        mixture="results/mixtures/{mixture}/manifest.json",
        benchmarks=mixture_benchmarks,
    output:
        data=expand(
            "results/exports/{{mixture}}/data/{split}_{shots}-00000-of-00001.parquet",
            split=["train", "eval", "test"],
            shots=MATRIX.shots,
        ),
        card="results/exports/{mixture}/README.md",
        manifest="results/exports/{mixture}/manifest.json",
    log:
        "logs/export_mixture/{mixture}.log",
    benchmark:
        "results/runtimes/export_mixture/{mixture}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=export_settings,
    message:
        "Export {wildcards.mixture}"
    shell:
        "python -m workflow.scripts.export_mixture --settings {params.settings:q}"
        " --mixture {input.mixture} --benchmarks {input.benchmarks}"
        " --manifest {output.manifest} > {log} 2>&1"


# Export every mixture of the matrix.
rule export_mixtures:
    input:
        expand("results/exports/{mixture}/manifest.json", mixture=MATRIX.mixtures),
    localrule: True


# Upload adapters and mixtures to the hub, or print what would be uploaded.
rule publish:
    input:
        adapters=expand("results/adapters/{cell}/manifest.json", cell=CONFIG.publish.adapters),
        cards=expand(
            "results/adapters/{cell}/{file}", cell=CONFIG.publish.adapters, file=["README.md", "NOTICE"]
        ),
        mixtures=expand("results/exports/{mixture}/manifest.json", mixture=CONFIG.publish.mixtures),
    output:
        receipt="results/published.txt",
    log:
        "logs/publish.log",
    benchmark:
        "results/runtimes/publish.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        settings=publish_settings,
    message:
        "Publish adapters and mixtures"
    shell:
        "python -m workflow.scripts.publish --settings {params.settings:q} --adapters {input.adapters}"
        " --mixtures {input.mixtures} 2>&1 | tee {log} {output.receipt}"
