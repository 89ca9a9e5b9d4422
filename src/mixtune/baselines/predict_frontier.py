"""One frontier model's prediction job: every test row asked once, zero-shot, at most for what may be spent."""

import math
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

from ..artifacts.locks import exclusive
from ..artifacts.manifests import canonical, digest, write_json, write_manifest
from ..artifacts.run_cards import NAME, run_card
from ..data.files import read_examples, read_labels
from ..data.sampling import sample_examples
from ..errors import UserError
from ..inference.predictions import write_predictions
from ..prompts.messages import messages
from .endpoint import Endpoint, NoAnswer
from .paid_answers import Answer, Charge, PaidAnswers

BYTES = 3  # of UTF-8 that an estimated token has: few tokenizers need more tokens than that, in any script
AROUND = 8  # tokens that are estimated to stand around each message
IN_A_ROW = 20  # requests that fail one after the other before no more are sent
SECONDS = 10  # between two lines that tell how far a job is

Body = dict[str, Any]


class Budget:
    """What requests of an entry cost and may cost, by its `terms`: `price`, `spending_limit` and `name`."""

    def __init__(self, terms: Mapping[str, Any]):
        self.key, self.limit, self._price = f"frontier.{terms['name']}", terms["spending_limit"], terms["price"]

    def cost(self, charge: Charge) -> float:
        """What tokens cost, in the currency of the price."""
        return (charge.input * self._price["input"] + charge.output * self._price["output"]) / 1e6


def estimate(body: Body) -> Charge:
    """The tokens that a request will take at most, as far as that can be said without the model's tokenizer."""
    texts = [turn["content"] for turn in body["messages"]]
    prompt = sum(-(-len(text.encode()) // BYTES) + AROUND for text in texts)
    return Charge(prompt, max(body.get("max_tokens", 0), body.get("max_completion_tokens", 0)), 1)


def ask_all(
    requests: Mapping[str, Body], endpoint: Endpoint, kept: PaidAnswers, budget: Budget, concurrency: int, before: int
) -> dict[str, str]:
    """Ask requests side by side, and keep each answer when it comes.

    No more are sent where the next could exceed the spending limit, where an error would be that of any request, or
    where IN_A_ROW have failed one after the other. What is under way is waited for, whatever happens but a kill.

    Args:
        requests: By their keys.
        before: Answers that are there already, for the lines that tell how far this is.

    Returns:
        Why there is no answer, by the keys of the requests that were sent and have none.
    """
    todo, failed, running = iter(requests.items()), {}, {}
    spent, answered, in_a_row, told = kept.charged(), before, 0, time.monotonic()

    def settle(future: Future) -> None:
        nonlocal spent, answered, in_a_row
        key, guess = running.pop(future)
        try:
            reply = future.result()
            charge, answered, in_a_row = Charge(*reply.usage) if reply.usage else guess, answered + 1, 0
        except NoAnswer as error:
            reply, failed[key], charge = None, str(error), Charge(*error.usage or ())
            in_a_row = IN_A_ROW if error.final else in_a_row + 1
        kept.keep(key, reply, charge)
        spent += charge

    def tell() -> None:
        counts = f"{answered} of {before + len(requests)} answered, {len(failed)} failed"
        print(f"{counts}, {budget.cost(spent):.4g} spent in all", flush=True)

    with ThreadPoolExecutor(concurrency) as pool:
        following = next(todo, None)
        try:
            while True:
                while following and len(running) < concurrency and in_a_row < IN_A_ROW:
                    key, body = following
                    guess = estimate(body)
                    if budget.cost(sum((one for _, one in running.values()), spent + guess)) > budget.limit:
                        break
                    running[pool.submit(endpoint.ask, body)] = key, guess
                    following = next(todo, None)
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    settle(future)
                if time.monotonic() - told > SECONDS:
                    told = time.monotonic()
                    tell()
        finally:
            for future in list(running):
                settle(future)
            tell()
    return failed


def predict_frontier(
    settings: Mapping[str, Any],
    terms: Mapping[str, Any],
    benchmarks: Mapping[str, Path],
    outputs: Sequence[Path],
    manifest: Path,
    answers: Path = Path("results/answers"),
) -> None:
    """Predict with a frontier model for every condition and benchmark; write the files, the run card, the manifest.

    Answers lie in `answers` under the endpoint and the model, by hashes of requests: what is there is not asked again,
    and equal requests are sent once. A job holds a lock there, so that one beside it waits and uses its answers.

    Args:
        settings: `base_url`, `model`, `body` (the fields of a request beside model and messages), `test_rows`,
            `data_seed` and `code`.
        terms: What changes no answer: `name` of the entry, `key_variable`, `price`, `spending_limit`, `concurrency`,
            `timeout`, `retries`.
        benchmarks: Folder of each prepared benchmark.
        outputs: Files to write, `…/{condition}/{benchmark}.parquet`.
        manifest: Manifest to write.

    Raises:
        UserError: The key is missing, more than the limit would be spent, or requests have no answer. Whatever was
            answered is kept.
    """
    begin, budget = time.monotonic(), Budget(terms)
    labels = read_labels(benchmarks.values())
    rows = {
        name: sample_examples(read_examples(folder / "test.parquet"), settings["test_rows"], settings["data_seed"])
        for name, folder in benchmarks.items()
    }
    keys: dict[Path, list[str]] = {path: [] for path in outputs}
    requests: dict[str, Body] = {}
    places: dict[str, str] = {}
    for path in outputs:
        condition, name = path.parent.name, path.stem
        for row in rows[name]:
            turns = messages(condition, labels[name], [], (row.text, row.head, row.tail))
            body = {"model": settings["model"], "messages": turns, **settings["body"]}
            key = digest(canonical(body))
            keys[path].append(key)
            requests[key] = body
            places.setdefault(key, f"{condition} {row.id}")
    name = re.sub("[^A-Za-z0-9._-]+", "-", settings["model"])
    folder = answers / f"{name}-{digest(settings['base_url'], settings['model'])[:12]}"
    with exclusive(folder / "lock"), closing(PaidAnswers(folder / "answers.sqlite")) as kept:
        known = kept.known()
        missing = {key: body for key, body in requests.items() if key not in known}
        print(f"{sum(map(len, keys.values()))} rows make {len(requests)} requests; {len(missing)} are still to be sent")
        if missing:
            _afford(missing, kept.charged(), budget)
            endpoint = Endpoint(settings["base_url"], _key(terms), timeout=terms["timeout"], retries=terms["retries"])
            failed = ask_all(missing, endpoint, kept, budget, terms["concurrency"], len(requests) - len(missing))
            known = kept.known()
            _complete(requests, known, failed, places, kept.charged(), budget)
        charge = kept.charged(requests)
    for path in outputs:
        gold = {row.id: row.relation for row in rows[path.stem]}
        write_predictions(path, list(gold), gold, [(known[key].text, None) for key in keys[path]], labels[path.stem])
    read = [folder / file for folder in benchmarks.values() for file in ("test.parquet", "labels.json")]
    facts = _facts([known[key] for key in requests], charge, budget) | {"seconds": round(time.monotonic() - begin, 1)}
    write_json(manifest.parent / NAME, run_card("predict_frontier", settings, read, ("openai",), **facts))
    write_manifest(manifest, list(outputs))


def _key(terms: Mapping[str, Any]) -> str | None:
    variable = terms["key_variable"]
    if variable is None or (key := os.environ.get(variable, "").strip()):
        return variable and key
    raise UserError(
        f"the environment variable {variable} is not set, and frontier.{terms['name']} has its key there; set it, or "
        f"correct frontier.{terms['name']}.key_variable (null for an endpoint without keys)"
    )


def _afford(missing: Mapping[str, Body], spent: Charge, budget: Budget) -> None:
    """Print what requests will cost at most, and refuse what exceeds the limit."""
    to_come = sum(map(estimate, missing.values()), Charge())
    needed, gone = budget.cost(spent + to_come), f"{budget.cost(spent):.4g} have been spent"
    print(
        f"estimated: at most {to_come.input:,} tokens of prompts ({BYTES} bytes a token) and {to_come.output:,} of "
        f"answers, which cost {budget.cost(to_come):.4g}; {gone}; limit {budget.limit:.4g}",
        flush=True,
    )
    if needed > budget.limit:
        raise UserError(
            f"{len(missing):,} requests may cost {budget.cost(to_come):.4g}, {gone}, and {budget.key}.spending_limit "
            f"is {budget.limit:.4g}; raise it to {math.ceil(100 * needed) / 100}, or lower prediction.test_rows. "
            "Nothing was sent"
        )


def _complete(requests, known, failed, places, spent, budget) -> None:
    """Refuse to go on without all answers, and say which are missing and why."""
    without = [key for key in requests if key not in known]
    if not without:
        return
    lines = [f"{len(without):,} of {len(requests):,} requests have no answer; the others are kept and not asked again"]
    for reason, number in Counter(failed.values()).most_common(5):
        example = next(places[key] for key, why in failed.items() if why == reason)
        lines.append(f"{number:,} failed, as {example}: {reason}")
    if unsent := len(without) - len(failed):
        why = "after these errors" if failed else "as the next might exceed the limit"
        lines.append(f"{unsent:,} were not sent {why} ({budget.cost(spent):.4g} spent, limit {budget.limit:.4g})")
    remedy = f"start again to ask what is missing; {budget.key} has the endpoint, the key's variable and the limit"
    raise UserError("\n  ".join([*lines, remedy]))


def _facts(answers: Sequence[Answer], charge: Charge, budget: Budget) -> dict[str, Any]:
    """What a run card tells of answers."""
    return {
        "requests": len(answers),
        "answered_by": dict(sorted(Counter(answer.model for answer in answers).items())),
        "asked_from": min(answer.at for answer in answers),
        "asked_until": max(answer.at for answer in answers),
        "cut_answers": sum(answer.cut for answer in answers),
        "input_tokens": charge.input,
        "output_tokens": charge.output,
        "requests_with_estimated_tokens": charge.estimated,
        "cost": round(budget.cost(charge), 6),
    }
