"""Replies of endpoints, for tests of what reads them."""

PAID = (30, 2)  # tokens that the server counts


def reply(text="works", ended="stop", **more):
    """The body of a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": ended}
    usage = dict(zip(("prompt_tokens", "completion_tokens"), PAID, strict=True))
    return {"id": "1", "object": "chat.completion", "model": "big-1", "choices": [choice], "usage": usage} | more
