# Prompts of the test rows, and predictions of cells and untuned models.


rule render_prompts:
    """Render the test rows as prompts for one tokenizer, for every condition and benchmark."""
    input:
        model=layout.MODEL,
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        prompts=every(layout.PROMPT_FILE, condition=PLAN.prompts, benchmark=MATRIX.benchmarks),
        manifest=layout.PROMPTS,
    log:
        log_of("render_prompts", "{model}/{shots}-shot"),
    benchmark:
        runtime_of("render_prompts", "{model}/{shots}-shot")
    # Before GPU jobs that are ready: these leave no room for a job with many threads, and devices would idle.
    priority: 2
    conda:
        "../../envs/mixtune.yaml"
    threads: 4
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=settings("render_prompts"),
    message:
        "Render the test rows for {wildcards.model}, {wildcards.shots}-shot"
    shell:
        "python -m workflow.scripts.render_prompts --settings {params.settings:q} --model {input.model}"
        " --benchmarks {input.benchmarks} --prompts {output.prompts} --threads {threads}"
        " --manifest {output.manifest} > {log} 2>&1"


CELL_PREDICTION = layout.of_system(layout.PREDICTION_FILE, PATH)


rule predict:
    """Predict with one system under every condition and on every benchmark; its model is loaded once."""
    input:
        model=layout.MODEL,
        adapter=of_cell(inputs.adapter),
        prompts=layout.PROMPTS,
        # Only their existence counts: a new condition must be rendered, which no manifest shows.
        rendered=ancient(every(layout.PROMPT_FILE, condition=PLAN.prompts, benchmark=MATRIX.benchmarks[0])),
        benchmarks=layout.ALL_BENCHMARKS,
    output:
        predictions=every(CELL_PREDICTION, condition=MATRIX.conditions, benchmark=MATRIX.benchmarks),
        card=layout.of_system(layout.PREDICTION_CARD, PATH),
        manifest=layout.of_system(layout.PREDICTIONS, PATH),
    log:
        log_of("predict", PATH),
    benchmark:
        runtime_of("predict", PATH)
    conda:
        "../../envs/mixtune.yaml"
    threads: 2
    resources:
        gpu=1,
        # A job is alone on its device, or one of at most 2, 3, 4, 6 or 12.
        jobs_per_device=1,
        mem_mb=24000,
        runtime=1440,
    params:
        settings=settings("predict"),
    message:
        f"Predict with {CELL}"
    shell:
        "python -m mixtune.devices --count {resources.gpu} --jobs-per-device {resources.jobs_per_device}"
        " -- python -m workflow.scripts.predict"
        " --settings {params.settings:q} --model {input.model} --adapter {input.adapter}"
        " --prompts {input.prompts} --benchmarks {input.benchmarks} --predictions {output.predictions}"
        " --threads {threads} --manifest {output.manifest} > {log} 2>&1"
