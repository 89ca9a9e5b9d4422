# Before and after the jobs of a run. No rules.
from mixtune.runs import last_run


# Snakemake's lock on a folder does not record whose it is, nor its records the configuration of a run.
onstart:
    if workflow.is_main_process:
        last_run.record(workflow, config)
        run_lock.record()


onsuccess:
    if workflow.is_main_process and (run := last_run.read()):
        from mixtune.reports import closing  # with pandas, which a start does not need

        if text := closing.describe_reports(jobs.aggregate(PLAN).setup, run["time"]):
            logger.info(text, extra={"mixtune_summary": True})
