"""Probes of chat templates: conversations with unusual contents, and checks of their renderings."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .messages import Messages, messages

# Case, accents, a ligature, markup, quotes and length: a template that changes texts changes some of these.
_TEXT = 'Zoë O\'Neil, 1st "ﬁrst" <Lady> & co. {{ run }} %s \\n Ünit_5 [A|B] (İ) '
_SHOWN = (
    (f"One: {_TEXT * 40}", "Zoë O'Neil", "Ünit_5", "Ab:Title_ﬁ/Cd (e1,E2)"),
    (f"Two: {_TEXT}", "<Lady>", "İ", "X'Y & Z, no <Relation>"),
)
_QUERY = (f"Three: {_TEXT}", "ﬁrst", "[A|B]")
_ANSWER = "Probe_ﬁ:Label (e2,E1) & <co>"
_LISTED = ("Listed_One", 'Listed "Two"')  # others than the demonstrations', which must be found in their own turns

_MARK = re.compile(r"<[^<>\s]+>|\[[^\[\]\s]+\]")
_OPEN_MARK = re.compile(r"([<\[][^<>\[\]/]*(?:think|thought|reason)[^<>\[\]/]*[>\]])\s*$", re.IGNORECASE)


class ProbeError(ValueError):
    """A template does not render the probe whole; the message continues "the chat template …"."""


@dataclass(frozen=True)
class Probe:
    """Texts that a template writes around the contents of a conversation.

    Attributes:
        missing: Text between the opened turn of a prompt and the answer in the closed conversation, or "".
        opened_thought: Text with which the prompt, `missing` included, opens a thought, or "".
        written: All that it writes around the contents.
        after_demonstration: Text between the first demonstration's label and the next content, or "".
    """

    missing: str
    opened_thought: str
    written: str
    after_demonstration: str


def probe_conversation(shots: int) -> Messages:
    """Return a conversation with at most two demonstrations, closed by an answer."""
    return [*messages("schema", _LISTED, _SHOWN[:shots], _QUERY), {"role": "assistant", "content": _ANSWER}]


def examine(turns: Messages, render: Callable[[Messages, bool], str]) -> Probe:
    """Render a closed conversation, and the prompt for its answer, and check that both are whole.

    Args:
        turns: The conversation as given to the template, e.g. with its system prompt in the first user's turn.
        render: Renders turns, and opens a turn for an answer if its second argument is true.

    Raises:
        ProbeError: A content is missing, changed or in the wrong place, or no turn is opened for the answer.
    """
    *context, answer = turns
    prompt, unopened, closed = render(context, True), render(context, False), render(turns, False)
    for text, whole in ((prompt, context), (closed, turns)):
        if turn := find_missing_turn(text, whole):
            raise ProbeError(f"leaves out, changes or moves the content of the {turn['role']}'s turn")
    before = closed.rpartition(answer["content"])[0]
    missing = before.removeprefix(prompt) if before.startswith(prompt) else ""
    if missing.strip() and prompt == unopened:
        raise ProbeError("opens no turn for the answer: it ignores add_generation_prompt")
    if not before.startswith(prompt) and not prompt.startswith(before):
        opened, own = (text.rpartition(context[-1]["content"])[2] for text in (prompt, before))
        if opened == own:
            raise ProbeError("writes a conversation differently once it is answered")
        raise ProbeError(f"opens a turn for the answer with {opened!r}, but writes {own!r} before an answer")
    written, first = prompt + closed, next(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
    for turn in turns:
        written = written.replace(turn["content"], "\0")
    following = turns[first + 1]["content"] if turns[first] is not answer else ""
    after = closed.partition(turns[first]["content"])[2].partition(following)[0] if following else ""
    return Probe(missing, find_opened_thought(prompt + missing, before), written, after)


def find_missing_turn(text: str, turns: Messages) -> dict[str, str] | None:
    """Return the first turn whose content a rendered conversation does not hold whole and in order, or None.

    White space around a content may be trimmed. The system prompt may be anywhere before the last turn's content:
    some templates write it there.
    """
    begin = end = 0
    for turn in turns:
        if turn["role"] == "system":
            continue
        content = turn["content"].strip()
        begin = text.find(content, end)
        if begin < 0:
            return turn
        end = begin + len(content)
    systems = (turn for turn in turns if turn["role"] == "system")
    return next((turn for turn in systems if turn["content"].strip() not in text[:begin]), None)


def find_opened_thought(prompt: str, before: str) -> str:
    """Return the text with which a prompt opens a thought that it does not close, or "".

    >>> find_opened_thought("<user>Why?<assistant><think>", "<user>Why?<assistant>")
    '<think>'
    >>> find_opened_thought("<user>Why?<assistant><think></think>", "<user>Why?<assistant>")
    ''

    Args:
        prompt: The rendered prompt.
        before: All that the template writes before an answer to it in a closed conversation.
    """
    extra = prompt.removeprefix(before).strip() if prompt.startswith(before) else ""
    marks = _MARK.findall(extra)
    if extra and len(marks) < 2 and not any("/" in mark for mark in marks):
        return extra
    mark = _OPEN_MARK.search(prompt)
    return mark[1] if mark else ""
