# Before and after the jobs of a run. No rules.
from mixtune.runs import last_run


# Snakemake's lock on a folder does not record whose it is, nor its records the configuration of a run.
onstart:
    if workflow.is_main_process:
        last_run.record(workflow, config)
        run_lock.record()
