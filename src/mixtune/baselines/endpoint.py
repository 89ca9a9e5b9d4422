"""A language model behind an OpenAI-compatible endpoint: a request gets one reply, or fails with a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai

ENDED = ("stop", "length", None)  # None: some servers do not tell
SHOWN = 300  # characters of an endpoint's own words that an error shows
SECRET = 12  # characters that a key has at least; what is shorter, as a local server's `EMPTY`, may be any word


@dataclass(frozen=True)
class Reply:
    """What an endpoint has answered.

    Attributes:
        text: The answer as it is.
        model: What the endpoint says has answered.
        cut: Whether the answer ended at the limit of tokens.
        usage: Tokens of the prompt and of the answer as the endpoint counts them; None where it does not.
    """

    text: str
    model: str
    cut: bool
    usage: tuple[int, int] | None


class NoAnswer(Exception):
    """A request has no answer.

    Attributes:
        usage: Tokens that the endpoint counted all the same, as in `Reply`.
        final: Whether any other request would fail likewise.
    """

    def __init__(self, reason: str, usage: tuple[int, int] | None = None, final: bool = False):
        super().__init__(" ".join(reason.split())[:SHOWN])
        self.usage, self.final = usage, final


class Endpoint:
    """An endpoint, asked by several threads side by side.

    The client sends again what meets a limit of rate (429), a server's error, a time-out, a cut connection or a reply
    that is no JSON: after the seconds that `Retry-After` tells (up to two minutes), else later each time.

    Args:
        base_url: The endpoint. The variable OPENAI_BASE_URL changes nothing, and redirections are not followed.
        key: Sent to the endpoint, and shown nowhere; None: there is none, whatever OPENAI_API_KEY holds.
        timeout: Seconds to wait for a reply.
        retries: How often a request is sent again.
    """

    def __init__(self, base_url: str, key: str | None, *, timeout: float, retries: int):
        self._key = key
        http = openai.DefaultHttpxClient(
            timeout=timeout, follow_redirects=False, event_hooks={"response": [_refuse_garbage]}
        )
        self._client = openai.OpenAI(
            base_url=base_url, api_key=key or "none", timeout=timeout, max_retries=retries, http_client=http
        )

    def ask(self, body: Mapping[str, Any]) -> Reply:
        """The reply to a request.

        Args:
            body: `model`, `messages`, and other fields of a request.

        Raises:
            NoAnswer: All retries are used up, the endpoint refuses the request, or its reply holds no answer.
        """
        fields = dict(body)
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=fields.pop("model"), messages=fields.pop("messages"), extra_body=fields
            )
        except openai.APIStatusError as error:
            # 429 and 5xx pass; a wrong key, address or name of the model does not.
            final = error.status_code < 400 or error.status_code in (401, 403, 404)
            raise NoAnswer(self._without_key(f"HTTP {error.status_code}: {error.response.text}"), final=final) from None
        except openai.APIConnectionError as error:
            raise NoAnswer(self._without_key(f"{error.message} {error.__cause__ or ''}")) from None
        return read_reply(json.loads(self._without_key(raw.http_response.text)))

    def _without_key(self, text: str) -> str:
        """An endpoint's words without the key, which they may repeat."""
        return text.replace(self._key, "[key]") if self._key and len(self._key) >= SECRET else text


def _refuse_garbage(response: httpx2.Response) -> None:
    """Make of a reply that is no JSON a connection that broke, which the client tries again."""
    response.read()
    try:
        if response.is_success:
            response.json()
    except ValueError:
        raise httpx2.RemoteProtocolError("the reply is no JSON", request=response.request) from None


def read_reply(body: Any) -> Reply:
    """What is in the body of a reply.

    An answer that ends at the limit of tokens is one; one that was cut before it began (by reasoning) is none.

    Raises:
        NoAnswer: It holds no answer.
    """
    told = body.get("usage") if isinstance(body, dict) else None
    counts = [told.get(f"{part}_tokens") for part in ("prompt", "completion")] if isinstance(told, dict) else [None]
    usage = tuple(counts) if all(isinstance(count, int) and count >= 0 for count in counts) else None
    try:
        choice = body["choices"][0]
        text, ended, model = choice["message"].get("content"), choice.get("finish_reason"), body.get("model")
    except (LookupError, TypeError, AttributeError):
        raise NoAnswer(f"the reply holds no answer: {body}", usage) from None
    if ended not in ENDED:
        raise NoAnswer(f"the endpoint ended the answer with {str(ended)!r}", usage)
    if not isinstance(text, str):
        raise NoAnswer("the answer has no text", usage)
    if ended == "length" and not text.strip():
        raise NoAnswer("the limit of tokens was reached before the answer began; raise it in its `body`", usage)
    text = text.encode("utf-8", "replace").decode()  # half of a surrogate pair can be written nowhere
    return Reply(text, str(model), ended == "length", usage)
