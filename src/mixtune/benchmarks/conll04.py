"""CoNLL04 in SpERT's JSON: an array of sentences with entities (ends exclusive) and relations between them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from .example import Example, ReadError, join_tokens, json_records, native_file, text_group

FILES = {
    "train": ("conll04_train.json", "train.json"),
    "validation": ("conll04_dev.json", "dev.json"),
    "test": ("conll04_test.json", "test.json"),
}


def read(folder: Path, split: str, counts: Counter[str]) -> Iterator[Example]:
    """One example a relation; sentences without a relation give none and are counted."""
    path = native_file(folder, split, FILES)
    for number, record in json_records(path):
        try:
            text, spans = join_tokens(record["tokens"])
            entities = [(e["type"], spans[e["start"]][0], spans[e["end"] - 1][1]) for e in record["entities"]]
            counts["sentences"] += 1
            counts["sentences without a relation"] += not record["relations"]
            for relation in record["relations"]:
                head_type, head_start, head_end = entities[relation["head"]]
                tail_type, tail_start, tail_end = entities[relation["tail"]]
                yield Example(
                    id=f"conll04/{split}/{record['orig_id']}/{relation['head']}-{relation['tail']}",
                    benchmark="conll04",
                    split=split,
                    text=text,
                    head=text[head_start:head_end],
                    tail=text[tail_start:tail_end],
                    head_start=head_start,
                    head_end=head_end,
                    tail_start=tail_start,
                    tail_end=tail_end,
                    head_type=head_type,
                    tail_type=tail_type,
                    relation=relation["type"],
                    group=text_group(text),
                )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ReadError(path, f"record {number}", f"not a SpERT sentence ({error!r})") from error
