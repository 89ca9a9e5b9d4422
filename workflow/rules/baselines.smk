# What stands beside the cells: encoders tuned on each benchmark, frontier models, floors and ceilings.


wildcard_constraints:
    encoder=alternatives(CONFIG.encoders),
    frontier=alternatives(CONFIG.frontier),


# Tune an encoder on the train split of each benchmark.
rule finetune_encoder:
    input:
        model="results/models/{encoder}/manifest.json",
        benchmarks="results/benchmarks/all.json",
    output:
        files=expand(
            "results/encoders/{{encoder}}/{benchmark}/seed-{{seed}}/{file}",
            benchmark=MATRIX.benchmarks,
            file=[
                "config.json",
                "model.safetensors",
                "classifier.safetensors",
                "tokenizer.json",
                "training_log.csv",
                "run_card.json",
            ],
        ),
        manifests=expand(
            "results/encoders/{{encoder}}/{benchmark}/seed-{{seed}}/manifest.json",
            benchmark=MATRIX.benchmarks,
        ),
    log:
        "logs/finetune_encoder/{encoder}/seed-{seed}.log",
    benchmark:
        "results/runtimes/finetune_encoder/{encoder}/seed-{seed}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=1440,
    params:
        settings=finetune_encoder_settings,
    message:
        "Tune {wildcards.encoder} on each benchmark, seed {wildcards.seed}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} -- python -m workflow.scripts.finetune_encoder"
        " --settings {params.settings:q} --model {input.model} --benchmarks {input.benchmarks}"
        " --threads {threads} --manifests {output.manifests} > {log} 2>&1"


# Ask an encoder every benchmark's test rows, each with the weights tuned on it.
rule predict_encoder:
    input:
        tuned=rules.finetune_encoder.output.manifests,
        benchmarks="results/benchmarks/all.json",
    output:
        predictions=expand(
            "results/predictions/encoder/{{encoder}}/seed-{{seed}}/{condition}/{benchmark}.parquet",
            condition=ANY,
            benchmark=MATRIX.benchmarks,
        ),
        card="results/predictions/encoder/{encoder}/seed-{seed}/run_card.json",
        manifest="results/predictions/encoder/{encoder}/seed-{seed}/manifest.json",
    log:
        "logs/predict_encoder/{encoder}/seed-{seed}.log",
    benchmark:
        "results/runtimes/predict_encoder/{encoder}/seed-{seed}.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=240,
    params:
        settings=predict_encoder_settings,
    message:
        "Ask {wildcards.encoder}, seed {wildcards.seed}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} -- python -m workflow.scripts.predict_encoder"
        " --settings {params.settings:q} --tuned {input.tuned} --benchmarks {input.benchmarks}"
        " --predictions {output.predictions} --threads {threads} --manifest {output.manifest} > {log} 2>&1"


# Ask a frontier model every benchmark's test rows, where snakemake runs: it needs the network.
rule predict_frontier:
    input:
        benchmarks="results/benchmarks/all.json",
    output:
        predictions=expand(
            "results/predictions/frontier/{{frontier}}/{condition}/{benchmark}.parquet",
            condition=UNCONSTRAINED,
            benchmark=MATRIX.benchmarks,
        ),
        card="results/predictions/frontier/{frontier}/run_card.json",
        manifest="results/predictions/frontier/{frontier}/manifest.json",
    log:
        "logs/predict_frontier/{frontier}.log",
    benchmark:
        "results/runtimes/predict_frontier/{frontier}.tsv"
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=1440,
        # As `micro_tokens` of other rules: nothing becomes stale by it.
        terms=frontier_terms,
    params:
        settings=predict_frontier_settings,
    message:
        "Ask {wildcards.frontier}"
    shell:
        "python -m workflow.scripts.predict_frontier --settings {params.settings:q} --terms {resources.terms:q}"
        " --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --manifest {output.manifest} > {log} 2>&1"


# Answer every benchmark's test rows without a model.
rule predict_floors:
    input:
        benchmarks="results/benchmarks/all.json",
    output:
        predictions=expand(
            "results/predictions/{floor}/{condition}/{benchmark}.parquet",
            floor=FLOORS,
            condition=ANY,
            benchmark=MATRIX.benchmarks,
        ),
        manifests=expand("results/predictions/{floor}/manifest.json", floor=FLOORS),
    log:
        "logs/predict_floors.log",
    benchmark:
        "results/runtimes/predict_floors.tsv"
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=predict_floors_settings,
    message:
        "Answer without a model"
    shell:
        "python -m workflow.scripts.predict_floors --settings {params.settings:q}"
        " --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --manifests {output.manifests} > {log} 2>&1"
