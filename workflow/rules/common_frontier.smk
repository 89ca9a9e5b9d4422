# What the jobs of frontier models depend on. No rules here.


def predict_frontier_settings(wildcards):
    entry = CONFIG.frontier[wildcards.frontier]
    return canonical(
        {
            "base_url": entry.base_url.rstrip("/"),
            "model": entry.model,
            "body": entry.request(CONFIG.prediction.max_new_tokens),
            "test_rows": CONFIG.prediction.test_rows,
            "data_seed": CONFIG.data_seed,
            "code": code("predict_frontier"),
        }
    )


def frontier_terms(wildcards):
    """What changes no answer of a frontier model: where its key is, prices, limits."""
    entry = CONFIG.frontier[wildcards.frontier]
    return canonical({"name": wildcards.frontier, **entry.model_dump(exclude={"base_url", "model", "body"})})
