"""Requests to a frontier model: estimated and limited cost, concurrent sending, stored answers."""

import math
import time
from collections import Counter, deque
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from ..errors import UserError
from .endpoint import Body, Endpoint, NoAnswer, Reply
from .paid_answers import Charge, PaidAnswers
from .settings import FrontierTerms

BYTES_PER_TOKEN = 3  # of UTF-8, for estimates: few tokenizers need more tokens, in any script
TOKENS_PER_MESSAGE = 8  # estimated tokens of the chat template around each message
MAX_FAILURES = 20  # consecutive failed requests before no more are sent
REPORT_SECONDS = 10  # between two lines of progress


class Budget:
    """Cost of an entry's requests, and its limit."""

    def __init__(self, terms: FrontierTerms):
        self.key, self.limit, self._price = f"frontier.{terms.name}", terms.spending_limit, terms.price

    def cost(self, charge: Charge) -> float:
        """Return the cost of tokens, in the currency of the price."""
        return (charge.input * self._price.input + charge.output * self._price.output) / 1e6


def estimate(body: Body) -> Charge:
    """Return the most tokens that a request is expected to take, estimated without the model's tokenizer.

    >>> estimate({"messages": [{"role": "user", "content": "Sentence: Ada works at X."}], "max_tokens": 8})
    Charge(input=17, output=8, estimated=1)
    """
    texts = [turn["content"] for turn in body["messages"]]
    prompt = sum(-(-len(text.encode()) // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE for text in texts)
    return Charge(prompt, max(body.get("max_tokens", 0), body.get("max_completion_tokens", 0)), 1)


class Batch:
    """Requests that are sent concurrently; each answer is stored when it arrives.

    Sending ends early if the next request might exceed the spending limit, after an error that every request would
    meet, or after MAX_FAILURES consecutive failures. Requests in flight are always awaited, unless the job is killed.

    Args:
        requests: Requests by key.
        stored: Answers that are stored already, for the progress lines.
    """

    def __init__(
        self, requests: Mapping[str, Body], endpoint: Endpoint, answers: PaidAnswers, budget: Budget, stored: int
    ):
        self._queue = deque(requests.items())
        self._endpoint, self._answers, self._budget = endpoint, answers, budget
        self._total, self._answered = stored + len(requests), stored
        self._spent, self._consecutive_failures, self._reported = answers.total_charge(), 0, time.monotonic()
        self._in_flight: dict[Future[Reply], tuple[str, Charge]] = {}
        self._failures: dict[str, str] = {}

    def send(self, concurrency: int) -> dict[str, str]:
        """Send the requests; return the reasons of those that failed, by key."""
        with ThreadPoolExecutor(concurrency) as pool:
            try:
                self._submit(pool, concurrency)
                while self._in_flight:
                    for future in wait(self._in_flight, return_when=FIRST_COMPLETED).done:
                        self._settle(future)
                    if time.monotonic() - self._reported > REPORT_SECONDS:
                        self._report()
                    self._submit(pool, concurrency)
            finally:
                for future in list(self._in_flight):
                    self._settle(future)
                self._report()
        return self._failures

    def _submit(self, pool: ThreadPoolExecutor, concurrency: int) -> None:
        """Send as many requests as concurrency, failures and budget allow."""
        while self._queue and len(self._in_flight) < concurrency and self._consecutive_failures < MAX_FAILURES:
            key, body = self._queue[0]
            charge = estimate(body)
            committed = sum((pending for _, pending in self._in_flight.values()), self._spent + charge)
            if self._budget.cost(committed) > self._budget.limit:
                break
            self._queue.popleft()
            self._in_flight[pool.submit(self._endpoint.send, body)] = key, charge

    def _settle(self, future: Future[Reply]) -> None:
        """Store the outcome of a request; wait for it if need be."""
        key, estimated = self._in_flight.pop(future)
        try:
            reply = future.result()
            charge = Charge(*reply.usage) if reply.usage else estimated
            self._answered, self._consecutive_failures = self._answered + 1, 0
        except NoAnswer as error:
            reply, charge, self._failures[key] = None, Charge(*error.usage or ()), str(error)
            self._consecutive_failures = MAX_FAILURES if error.final else self._consecutive_failures + 1
        self._answers.store(key, reply, charge)
        self._spent += charge

    def _report(self) -> None:
        """Print a line of progress."""
        self._reported = time.monotonic()
        counts = f"{self._answered} of {self._total} answered, {len(self._failures)} failed"
        print(f"{counts}, {self._budget.cost(self._spent):.4g} spent in all", flush=True)


def check_budget(requests: Mapping[str, Body], spent: Charge, budget: Budget) -> None:
    """Print the most that requests are expected to cost, and refuse more than the limit.

    Raises:
        UserError: Their cost, with what was spent before, may exceed the limit.
    """
    expected = sum(map(estimate, requests.values()), Charge())
    needed, before = budget.cost(spent + expected), f"{budget.cost(spent):.4g} spent before"
    print(
        f"estimated: at most {expected.input:,} tokens of prompts ({BYTES_PER_TOKEN} bytes per token) and "
        f"{expected.output:,} of answers, at a cost of {budget.cost(expected):.4g}; {before}; limit {budget.limit:.4g}",
        flush=True,
    )
    if needed > budget.limit:
        raise UserError(
            f"{budget.key}.spending_limit: {budget.limit:.4g} may be exceeded: {len(requests):,} requests may cost "
            f"{budget.cost(expected):.4g}, {before}; raise it to {math.ceil(100 * needed) / 100}, or lower "
            "prediction.test_rows. Nothing was sent"
        )


def check_answered(
    missing: Mapping[str, str], total: int, failures: Mapping[str, str], spent: Charge, budget: Budget
) -> None:
    """Refuse to continue without all answers, and report which are missing and why.

    Args:
        missing: An example of each request without an answer, by key.
        total: Number of all requests.
        failures: Reasons of the requests that failed, by key.

    Raises:
        UserError: Answers are missing.
    """
    if not missing:
        return
    lines = [f"{len(missing):,} of {total:,} requests have no answer; the others are stored and are not sent again"]
    for reason, number in Counter(failures.values()).most_common(5):
        example = next(missing[key] for key, other in failures.items() if other == reason)
        lines.append(f"{number:,} failed, e.g. {example}: {reason}")
    if unsent := len(missing) - len(failures):
        why = "after these errors" if failures else "because the next might exceed the limit"
        lines.append(f"{unsent:,} were not sent {why} ({budget.cost(spent):.4g} spent, limit {budget.limit:.4g})")
    remedy = f"rerun to send the missing requests; {budget.key} sets the endpoint, the key's variable and the limit"
    raise UserError("\n  ".join([*lines, remedy]))
