"""A language model behind an OpenAI-compatible endpoint: each request gets one reply, or fails with a reason."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NotRequired, TypedDict, cast

import httpx2
import openai

from ..prompts.messages import Messages

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

FINISH_REASONS = ("stop", "length", None)  # None: some servers give no reason
MAX_REASON = 300  # characters of an endpoint's error message that are reported
MIN_SECRET = 12  # least characters of a key; shorter ones, e.g. a local server's `EMPTY`, may be any word


class Body(TypedDict):
    """A request, of which these fields are read; it may have others."""

    model: str
    messages: Messages
    max_tokens: NotRequired[int]
    max_completion_tokens: NotRequired[int]


@dataclass(frozen=True)
class Reply:
    """Reply of an endpoint.

    Attributes:
        text: The answer, unchanged.
        model: Name of the model, as the endpoint reports it.
        cut: Whether the answer was truncated at the token limit.
        usage: Tokens of the prompt and of the answer, as the endpoint counts them; None if it does not.
    """

    text: str
    model: str
    cut: bool
    usage: tuple[int, int] | None


class NoAnswer(Exception):
    """A request without an answer.

    Attributes:
        usage: Tokens that the endpoint counted nevertheless, as in `Reply`.
        final: Whether every other request would fail in the same way.
    """

    def __init__(self, reason: str, usage: tuple[int, int] | None = None, final: bool = False):
        super().__init__(" ".join(reason.split())[:MAX_REASON])
        self.usage, self.final = usage, final


class Endpoint:
    """An endpoint, shared by several threads.

    The client retries on a rate limit (429), a server error, a time-out, a broken connection and a reply that is no
    JSON: after the seconds that `Retry-After` gives (up to two minutes), else with increasing delay.

    Args:
        base_url: URL of the endpoint; OPENAI_BASE_URL is ignored, and redirections are not followed.
        key: Sent to the endpoint and never printed; None: no key, whatever OPENAI_API_KEY holds.
        timeout: Seconds to wait for a reply.
        retries: Most retries per request.
    """

    def __init__(self, base_url: str, key: str | None, *, timeout: float, retries: int):
        self._key = key
        http = openai.DefaultHttpxClient(
            timeout=timeout, follow_redirects=False, event_hooks={"response": [_refuse_garbage]}
        )
        self._client = openai.OpenAI(
            base_url=base_url, api_key=key or "none", timeout=timeout, max_retries=retries, http_client=http
        )

    def send(self, body: Body) -> Reply:
        """Send a request and return its reply.

        Raises:
            NoAnswer: The retries are used up, the endpoint refuses the request, or its reply holds no answer.
        """
        messages = cast("list[ChatCompletionMessageParam]", body["messages"])
        others = {name: value for name, value in body.items() if name not in ("model", "messages")}
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=body["model"], messages=messages, extra_body=others
            )
        except openai.APIStatusError as error:
            # 429 and 5xx are transient; a wrong key, address or model name is not.
            final = error.status_code < 400 or error.status_code in (401, 403, 404)
            raise NoAnswer(self._without_key(f"HTTP {error.status_code}: {error.response.text}"), final=final) from None
        except openai.APIConnectionError as error:
            raise NoAnswer(self._without_key(f"{error.message} {error.__cause__ or ''}")) from None
        return read_reply(json.loads(self._without_key(raw.http_response.text)))

    def _without_key(self, text: str) -> str:
        """Return an endpoint's text without the key, which it may repeat."""
        return text.replace(self._key, "[key]") if self._key and len(self._key) >= MIN_SECRET else text


def _refuse_garbage(response: httpx2.Response) -> None:
    """Turn a reply that is no JSON into a broken connection, on which the client retries."""
    response.read()
    try:
        if response.is_success:
            response.json()
    except ValueError:
        raise httpx2.RemoteProtocolError("the reply is no JSON", request=response.request) from None


def read_reply(body: object) -> Reply:
    """Return the reply in a response body.

    An answer truncated at the token limit counts; one truncated before it began (by reasoning) does not.

    >>> read_reply({"model": "big", "choices": [{"message": {"content": "works"}, "finish_reason": "stop"}]})
    Reply(text='works', model='big', cut=False, usage=None)

    Raises:
        NoAnswer: The body holds no answer.
    """
    fields = body if isinstance(body, dict) else {}
    usage = _read_usage(fields.get("usage"))
    try:
        choice = fields["choices"][0]
        text, reason, model = choice["message"].get("content"), choice.get("finish_reason"), fields.get("model")
    except (LookupError, TypeError, AttributeError):
        raise NoAnswer(f"the reply holds no answer: {body}", usage) from None
    if reason not in FINISH_REASONS:
        raise NoAnswer(f"the endpoint ended the answer with {str(reason)!r}", usage)
    if not isinstance(text, str):
        raise NoAnswer("the answer has no text", usage)
    if reason == "length" and not text.strip():
        raise NoAnswer("the token limit was reached before the answer began; raise it in its `body`", usage)
    text = text.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be written to a file
    return Reply(text, str(model), reason == "length", usage)


def _read_usage(usage: object) -> tuple[int, int] | None:
    """Return the tokens of prompt and answer, or None where the endpoint gives no valid counts."""
    if not isinstance(usage, dict):
        return None
    prompt, answer = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if isinstance(prompt, int) and isinstance(answer, int) and prompt >= 0 and answer >= 0:
        return prompt, answer
    return None
