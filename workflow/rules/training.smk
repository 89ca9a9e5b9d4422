# Cells: a mixture rendered for a tokenizer, then an adapter.


rule render_training:
    """Render a mixture as token ids and label masks for one tokenizer."""
    input:
        model=layout.MODEL,
        mixture=lambda wildcards: layout.MIXTURE.format(draw=PLAN.rows[wildcards.rows].draw),
        benchmarks=lambda wildcards: inputs.of_mixture(PLAN, PLAN.rows[wildcards.rows].draw),
    output:
        splits=every(layout.TRAINING_SPLIT, split=["train", "validation"]),
        manifest=layout.TRAINING,
    log:
        log_of("render_training", "{model}/{rows}/{shots}-shot"),
    benchmark:
        runtime_of("render_training", "{model}/{rows}/{shots}-shot")
    # Before GPU jobs that are ready: these leave no room for a job with many threads, and devices would idle.
    priority: 2
    conda:
        "../../envs/mixtune.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=settings("render_training"),
    message:
        "Render {wildcards.rows} for {wildcards.model}, {wildcards.shots}-shot"
    shell:
        "python -m workflow.scripts.render_training --settings {params.settings:q} --model {input.model}"
        " --mixture {input.mixture} --benchmarks {input.benchmarks} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"


ADAPTER_FILES = [
    "adapter_config.json",
    "adapter_model.safetensors",
    "tokenizer.json",
    "training_log.csv",
    "run_card.json",
]


rule finetune:
    """Fine-tune the adapter of one cell (QLoRA)."""
    input:
        model=layout.MODEL,
        rendered=of_cell(inputs.rendered),
    output:
        adapter=every(layout.ADAPTER_FILE, file=ADAPTER_FILES),
        manifest=layout.ADAPTER,
    log:
        log_of("finetune", PATH),
    benchmark:
        runtime_of("finetune", PATH)
    # The longest jobs first: predictions then fill the gaps, and no device idles at the end.
    priority: 1
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        # A job is alone on its device, or one of at most 2, 3, 4, 6 or 12.
        jobs_per_device=1,
        mem_mb=24000,
        runtime=1440,
        micro_tokens=4096,
    params:
        settings=settings("finetune"),
    message:
        f"Fine-tune {CELL}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} --jobs-per-device {resources.jobs_per_device}"
        " -- python -m workflow.scripts.finetune"
        " --settings {params.settings:q} --model {input.model} --rendered {input.rendered}"
        " --micro-tokens {resources.micro_tokens} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"
