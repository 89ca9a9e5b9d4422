# Baselines: fine-tuned encoders, zero-shot frontier models, trivial baselines and an upper bound.


ENCODER_FILES = [
    "config.json",
    "model.safetensors",
    "classifier.safetensors",
    "tokenizer.json",
    "training_log.csv",
    "run_card.json",
]


rule finetune_encoder:
    """Fine-tune an encoder on the train split of each benchmark that has one."""
    input:
        model=layout.MODEL.replace("{model}", "{encoder}"),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        files=every(layout.ENCODER_FILE, benchmark=PLAN.trained, file=ENCODER_FILES),
        manifests=every(layout.ENCODER, benchmark=PLAN.trained),
    log:
        log_of("finetune_encoder", "{encoder}/seed-{seed}"),
    benchmark:
        runtime_of("finetune_encoder", "{encoder}/seed-{seed}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=1440,
    params:
        settings=settings("finetune_encoder"),
    message:
        "Fine-tune {wildcards.encoder} on each benchmark, seed {wildcards.seed}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} -- python -m workflow.scripts.finetune_encoder"
        " --settings {params.settings:q} --model {input.model} --benchmarks {input.benchmarks}"
        " --threads {threads} --manifests {output.manifests} > {log} 2>&1"


rule predict_encoder:
    """Predict the test rows of each benchmark with the encoder that was fine-tuned on it."""
    input:
        tuned=rules.finetune_encoder.output.manifests,
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        predictions=every(
            layout.of_system(layout.PREDICTION_FILE, ENCODER), condition=ANY, benchmark=PLAN.trained
        ),
        card=layout.of_system(layout.PREDICTION_CARD, ENCODER),
        manifest=layout.of_system(layout.PREDICTIONS, ENCODER),
    log:
        log_of("predict_encoder", "{encoder}/seed-{seed}"),
    benchmark:
        runtime_of("predict_encoder", "{encoder}/seed-{seed}")
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=240,
    params:
        settings=settings("predict_encoder"),
    message:
        "Predict with {wildcards.encoder}, seed {wildcards.seed}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} -- python -m workflow.scripts.predict_encoder"
        " --settings {params.settings:q} --tuned {input.tuned} --benchmarks {input.benchmarks}"
        " --predictions {output.predictions} --threads {threads} --manifest {output.manifest} > {log} 2>&1"


rule predict_frontier:
    """Predict the test rows with a frontier model, on the machine that runs Snakemake: it needs the network."""
    input:
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        predictions=every(
            layout.of_system(layout.PREDICTION_FILE, FRONTIER),
            condition=PLAN.unconstrained,
            benchmark=MATRIX.benchmarks,
        ),
        card=layout.of_system(layout.PREDICTION_CARD, FRONTIER),
        manifest=layout.of_system(layout.PREDICTIONS, FRONTIER),
    log:
        log_of("predict_frontier", "{frontier}"),
    benchmark:
        runtime_of("predict_frontier", "{frontier}")
    localrule: True
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=1440,
        # A resource, not a param: a change triggers no rerun (like micro_tokens).
        terms=lambda wildcards: jobs.frontier_terms(PLAN, wildcards.frontier).serialise(),
    params:
        settings=settings("predict_frontier"),
    message:
        "Predict with {wildcards.frontier}"
    shell:
        "python -m workflow.scripts.predict_frontier --settings {params.settings:q} --terms {resources.terms:q}"
        " --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --manifest {output.manifest} > {log} 2>&1"


rule predict_floors:
    """Predict the test rows with the trivial baselines and an upper bound."""
    input:
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        predictions=[
            layout.PREDICTION_FILE.format(system=system, condition=ANY, benchmark=benchmark)
            for system in PLAN.floors
            for benchmark in PLAN.benchmarks_of(system)
        ],
        manifests=every(layout.PREDICTIONS, system=PLAN.floors),
    log:
        log_of("predict_floors"),
    benchmark:
        runtime_of("predict_floors")
    conda:
        "../../envs/mixtune.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        settings=settings("predict_floors"),
    message:
        "Predict with the trivial baselines"
    shell:
        "python -m workflow.scripts.predict_floors --settings {params.settings:q}"
        " --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --manifests {output.manifests} > {log} 2>&1"
