"""Records of every format, as hypothesis strategies, each with the examples that it contains.

These are worked out here from the description of the format, and not by a reader: that is the point.
"""

import json
import re
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import strategies as st

from mixtune.data import REGISTRY, Example
from mixtune.data.example import text_group
from mixtune.resources import resource

NUMBER = "@"  # in an id: the record's place in the file


@dataclass(frozen=True)
class Record:
    """A record as the format has it, and its examples, with `NUMBER` in ids that depend on its place."""

    native: dict[str, Any]
    examples: tuple[Example, ...]


# Texts

# Quotation marks, characters of regular expressions, other scripts, words within words, and what looks like a tag.
_WORDS = [
    *("Ada", "Bonn", "Lund", "the", "he", "of", "was", "born", "in", ".", ",", "1812", "Ada's", "Bonn,"),
    *('"', '"Ada"', "A.(B)[Md.", "C++", "^$", "a|b", r"\d+", "(?:x", "*", "{", "}", "]", "<b>", "NA", "null", "#1"),
    *("Zoë", "Zoe\u0308", "Éire", "𝒳", "東京", "\u200bzero", "İstanbul", "straße", "👩‍🚀", "\ufeffmark"),
]
_LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"))
# hypothesis also tries constants of the code, such as the marks of a format.
_MARKS = re.compile("</?e[12]>|<obj>|<subj>|###")
WORD = st.sampled_from(_WORDS) | st.text(_LETTERS, min_size=1, max_size=6).filter(lambda word: not _MARKS.search(word))
# What divides words in a line, and anywhere; `str.splitlines` would take the last three of the former for line ends.
IN_LINE = (" ", " ", " ", "  ", "\u00a0", "\u2028", "\x85", "\x1c")
ANYWHERE = (*IN_LINE, "\t", "\n", "\n\n", "\r\n")


@st.composite
def prose(draw, spaces=IN_LINE, least=2) -> tuple[str, list[tuple[int, int]]]:
    """A text and the spans of its words."""
    text, spans = "", []
    for word in draw(st.lists(WORD, min_size=least, max_size=8)):
        text += draw(st.sampled_from(spaces)) if spans else ""
        spans.append((len(text), len(text) + len(word)))
        text += word
    return text, spans


def _stretch(draw, spans: list) -> tuple[int, int]:
    """The indices, both inclusive, of some neighbours."""
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(spans) - 1)] * 2)))
    return first, last


def _mention(draw, text: str, spans: list[tuple[int, int]]) -> str:
    """Some words of the text, or a word that it need not hold."""
    if draw(st.integers(0, 4)) == 0:
        return draw(WORD)
    first, last = _stretch(draw, spans)
    return text[spans[first][0] : spans[last][1]]


def _spans(text: str, mention: str) -> list[tuple[int, int]]:
    starts = (start for start in range(len(text)) if text.startswith(mention, start))
    return [(start, start + len(mention)) for start in starts] or [(-1, -1)]


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return -1 in (*one, *other) or one[1] <= other[0] or other[1] <= one[0]


def _searched(text: str, head: str, tail: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first pair of places of two mentions that do not overlap, else the first pair."""
    pairs = list(product(_spans(text, head), _spans(text, tail)))
    return next((pair for pair in pairs if _apart(*pair)), pairs[0])


def _example(benchmark, native, text, mentions, spans, relation, group=None, types=("", "")) -> Example:
    (head, tail), (h, t) = mentions, spans
    return Example(
        *(f"{benchmark}/train/{native}", benchmark, "train", text, head, tail, *h, *t, *types, relation),
        group=text_group(text) if group is None else group,
    )


def _cut(text: str, *spans: tuple[int, int]) -> list[str]:
    return [text[start:end] for start, end in spans]


def _labels(benchmark: str) -> st.SearchStrategy[str]:
    return st.sampled_from(REGISTRY[benchmark].labels)


# Records

_PENN = (
    *(("-LRB-", "("), ("-RRB-", ")"), ("-LSB-", "["), ("-RCB-", "}"), ("``", '"'), ("''", '"'), ("`", "'")),
    *((":-RRB-", ":)"), (r"his\/her", "his/her"), (r"A\*", "A*"), ("n't", "n't")),
)
_SAFE = WORD.filter(lambda word: not set(word) & set("`'\\-")).map(lambda word: (word, word))


@st.composite
def tacred(draw) -> Record:
    tokens = draw(st.lists(_SAFE | st.sampled_from(_PENN), min_size=2, max_size=9))
    spans, position = [], 0
    for _, plain in tokens:
        spans.append((position, position + len(plain)))
        position += len(plain) + 1
    text = " ".join(plain for _, plain in tokens)
    subj, obj = _stretch(draw, spans), _stretch(draw, spans)
    native = {
        "id": draw(st.text("0123456789abcdef", min_size=4, max_size=8)),
        "docid": "D",
        "relation": draw(_labels("tacred")),
        "token": [raw for raw, _ in tokens],
        "subj_start": subj[0],
        "subj_end": subj[1],  # inclusive
        "obj_start": obj[0],
        "obj_end": obj[1],
        "subj_type": draw(st.sampled_from(("PERSON", "ORGANIZATION"))),
        "obj_type": draw(st.sampled_from(("CITY", "CAUSE_OF_DEATH"))),
        "stanford_pos": ["NN"] * len(tokens),
    }
    h, t = ((spans[first][0], spans[last][1]) for first, last in (subj, obj))
    types = native["subj_type"], native["obj_type"]
    relation = native["relation"]
    return Record(native, (_example("tacred", native["id"], text, _cut(text, h, t), (h, t), relation, types=types),))


@st.composite
def semeval(draw) -> Record:
    before, between, after = (draw(st.just("") | prose().map(lambda found: f" {found[0]} ")) for _ in range(3))
    head, tail = (draw(prose(least=1))[0] for _ in range(2))
    number, relation = str(draw(st.integers(1, 9999))), draw(_labels("semeval2010_task8"))
    comment = draw(st.just("") | prose().map(lambda found: found[0]))
    native = {
        "sentence": f'{number}\t"{before}<e1>{head}</e1>{between}<e2>{tail}</e2>{after}"',
        "label": relation,
        "comment": f"Comment: {comment}",
    }
    h = len(before), len(before) + len(head)
    t = h[1] + len(between), h[1] + len(between) + len(tail)
    text = f"{before}{head}{between}{tail}{after}"
    return Record(native, (_example("semeval2010_task8", number, text, (head, tail), (h, t), relation),))


@st.composite
def conll04(draw) -> Record:
    text, spans = draw(prose(spaces=(" ",)))
    entities = [
        {"type": draw(st.sampled_from(("Loc", "Org", "Peop", "Other"))), "start": first, "end": last + 1}
        for first, last in (_stretch(draw, spans) for _ in range(draw(st.integers(2, 4))))
    ]
    index = st.integers(0, len(entities) - 1)
    pairs = st.tuples(index, index).filter(lambda pair: pair[0] != pair[1])
    native = {
        "tokens": _cut(text, *spans),
        "entities": entities,
        "relations": [
            {"type": draw(_labels("conll04")), "head": head, "tail": tail}
            for head, tail in draw(st.lists(pairs, max_size=3, unique=True))
        ],
        "orig_id": draw(st.integers(0, 9999) | st.text("abc", min_size=1, max_size=4)),
    }
    examples = []
    for relation in native["relations"]:
        pair = [entities[relation[side]] for side in ("head", "tail")]
        h, t = ((spans[entity["start"]][0], spans[entity["end"] - 1][1]) for entity in pair)
        id, types = f"{native['orig_id']}/{relation['head']}-{relation['tail']}", [entity["type"] for entity in pair]
        examples.append(_example("conll04", id, text, _cut(text, h, t), (h, t), relation["type"], types=types))
    return Record(native, tuple(examples))


@st.composite
def nyt11(draw) -> Record:
    text, spans = draw(prose(spaces=ANYWHERE))
    triples = [
        [_mention(draw, text, spans), draw(_labels("nyt11")), _mention(draw, text, spans)]
        for _ in range(draw(st.integers(0, 3)))
    ]
    examples = (
        _example("nyt11", f"{NUMBER}/{place}", text, (head, tail), _searched(text, head, tail), relation)
        for place, (head, relation, tail) in enumerate(triples)
    )
    return Record({"text": text, "triple_list": triples}, tuple(examples))


@st.composite
def gids(draw) -> Record:
    names = st.lists(WORD.filter(lambda word: "_" not in word), min_size=1, max_size=3).map("_".join)
    edge = st.sampled_from(("", "", "_"))  # belongs to the mention in the file, but not in the example
    head, tail = draw(st.lists(st.tuples(edge, names, edge), min_size=2, max_size=2, unique_by="".join))
    filler = WORD.filter(lambda word: word not in ("".join(head), "".join(tail))).map(lambda word: ("", word, ""))
    others = draw(st.lists(filler | st.sampled_from([head, tail]), max_size=6))
    body, starts = "", {}
    for place, part in enumerate(draw(st.permutations([head, tail, *others]))):
        body += draw(st.sampled_from(IN_LINE if place else ("", " ")))
        starts.setdefault(part, len(body + part[0]))
        body += "".join(part)
    plain = body.replace("_", " ")
    cut = len(plain) - len(plain.lstrip())
    native = {
        "head mid": draw(st.sampled_from(("/m/0a", "/m/0b"))),
        "tail mid": draw(st.sampled_from(("/m/0c", "/m/0d"))),
        "head": "".join(head),
        "tail": "".join(tail),
        "relation": draw(_labels("gids")),
        "text": body + draw(st.sampled_from(("###END###", " ###END### "))),
    }
    mentions = [name.replace("_", " ") for _, name, _ in (head, tail)]
    spans = [(starts[part] - cut, starts[part] - cut + len(part[1])) for part in (head, tail)]
    group = f"{native['head mid']}|{native['tail mid']}"
    return Record(native, (_example("gids", NUMBER, plain.strip(), mentions, spans, native["relation"], group),))


@st.composite
def re_docred(draw) -> Record:
    sentences = draw(st.lists(prose(spaces=(" ",), least=1), min_size=1, max_size=3))
    index = st.integers(0, len(sentences) - 1)
    entities, found = [], []
    for _ in range(draw(st.integers(2, 4))):
        entities.append([])
        found.append([])
        for sentence in draw(st.lists(index, min_size=1, max_size=2)):
            text, spans = sentences[sentence]
            first, last = _stretch(draw, spans)
            span = spans[first][0], spans[last][1]
            name = draw(st.just(text[slice(*span)]) | st.sampled_from(("May 3, 1990", "7.\nMay")))
            kind = draw(st.sampled_from(("PER", "LOC", "TIME")))
            position = {"sent_id": sentence, "pos": [first, last + 1], "global_pos": [99, 99]}
            entities[-1].append({"name": name, "type": kind, "index": "0_0"} | position)
            found[-1].append((sentence, span, text[slice(*span)], name.replace("\n", " "), kind))
    names = json.loads(resource("labels", "re_docred.json").read_text(encoding="utf-8"))
    entity = st.integers(0, len(entities) - 1)
    triples = st.tuples(st.sampled_from([*names]), entity, entity).filter(lambda triple: triple[1] != triple[2])
    labels = [
        {"r": r, "h": h, "t": t, "evidence": draw(st.lists(index, max_size=2, unique=True))}
        for r, h, t in draw(st.lists(triples, max_size=3, unique=True))
    ]
    native = {
        "title": draw(WORD),
        "sents": [_cut(text, *spans) for text, spans in sentences],
        "vertexSet": entities,
        "labels": labels,
    }
    examples = []
    for label in labels:
        for sentence in label["evidence"]:
            sides = []
            for number in (label["h"], label["t"]):
                here = sorted((m[1:3] + m[4:] for m in found[number] if m[0] == sentence), key=lambda m: m[0][0])
                sides.append(here or [((-1, -1), found[number][0][3], found[number][0][4])])
            pairs = list(product(*sides))
            h, t = next((pair for pair in pairs if _apart(pair[0][0], pair[1][0])), pairs[0])
            id = f"{NUMBER}/{label['h']}-{label['t']}-{label['r']}/{sentence}"
            what = (h[1], t[1]), (h[0], t[0]), names[label["r"]], native["title"], (h[2], t[2])
            examples.append(_example("re_docred", id, sentences[sentence][0], *what))
    return Record(native, tuple(examples))


@st.composite
def rebel(draw) -> Record:
    text, spans = draw(prose(spaces=ANYWHERE))

    def entity() -> tuple[dict[str, Any], tuple[int, int] | None]:
        first, last = _stretch(draw, spans)
        surface, start, end = text[spans[first][0] : spans[last][1]], spans[first][0], spans[last][1]
        surface = draw(st.just(surface) | WORD)
        shift = draw(st.sampled_from((0, 0, 0, 1, 50)))
        boundaries = draw(st.none() | st.just([start + shift, end + shift]) | st.just([start, end + 50]))
        right = boundaries and boundaries[1] <= len(text) and text[slice(*boundaries)] == surface
        annotated = {"uri": "Q1", "boundaries": boundaries, "surfaceform": surface, "annotator": "Me"}
        return annotated, tuple(boundaries) if right else None

    triples, examples, docid = [], [], draw(st.text("0123456789", min_size=1, max_size=6))
    for place in range(draw(st.integers(0, 3))):
        (head, h), (tail, t) = entity(), entity()
        mentions = head["surfaceform"], tail["surfaceform"]
        relation = draw(_labels("rebel") | st.just("director / manager"))
        if not h and not t:
            h, t = _searched(text, *mentions)
        elif not h or not t:
            searched = _spans(text, mentions[1 if h else 0])
            other = next((span for span in searched if _apart(span, h or t)), searched[0])
            h, t = h or other, t or other
        triples.append({"subject": head, "predicate": {"uri": "P1", "surfaceform": relation}, "object": tail})
        examples.append(_example("rebel", f"{docid}/{place}", text, mentions, (h, t), relation, docid))
    native = {"docid": docid, "title": "T", "uri": "Q1", "text": text, "entities": [], "triples": triples}
    return Record(native, tuple(examples))


@st.composite
def rebel_triplets(draw) -> Record:
    text, spans = draw(prose(spaces=ANYWHERE))
    document = draw(st.text("0123456789", min_size=1, max_size=6))
    id, linearised, examples = f"Q{document}-{draw(st.integers(1, 9))}", [], []
    for head in [_mention(draw, text, spans) for _ in range(draw(st.integers(0, 2)))]:
        linearised.append(f"<triplet> {head}")
        for _ in range(draw(st.integers(1, 2))):
            tail, relation = _mention(draw, text, spans), draw(_labels("rebel"))
            linearised.append(f"<subj> {tail} <obj> {relation}")
            what = text, (head, tail), _searched(text, head, tail), relation, f"Q{document}"
            examples.append(_example("rebel", f"{id}/{len(examples)}", *what))
    native = {"id": id, "title": "T", "context": text, "triplets": " ".join(linearised)}
    return Record(native, tuple(examples))


@st.composite
def biographical(draw) -> Record:
    markers = draw(st.permutations(["e1", "e2"]))
    subject = draw(st.sampled_from(("e1", "e2")))
    sentence, text, spans = "", "", {}
    for marker in [*markers, None]:
        filler = draw(st.just("") | prose().map(lambda found: f"{found[0]} "))
        sentence, text = sentence + filler, text + filler
        if marker:
            mention, pad = draw(prose(least=1))[0], draw(st.sampled_from(("", " ")))
            spans[marker] = len(text + pad), len(text + pad + mention)
            sentence += f"<{marker}>{pad}{mention}{pad}</{marker}>"
            text += pad + mention + pad
    relation, page = draw(_labels("biographical")), draw(st.sampled_from(("", "5", "77")))
    values = sentence, relation, subject, "e1" if subject == "e2" else "e2", "Other", page, "train"
    h, t = spans.pop(subject), *spans.values()
    what = text, _cut(text, h, t), (h, t), relation, page or None
    native = dict(zip(BIOGRAPHICAL, values, strict=True))
    return Record(native, (_example("biographical", NUMBER, *what),))


BIOGRAPHICAL = ("sentence", "relation", "P1", "P2", "ANNOTATION", "wp_id", "set")
PG_FICTION = ("book_id", "title", "chunk_id", "chunk", "relations")


@st.composite
def pg_fiction(draw) -> Record:
    chunk, _ = draw(prose(spaces=ANYWHERE))
    text = " ".join(chunk.split())
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    items, examples = [], []
    book, chunk_id = (str(draw(st.integers(0, 99))) for _ in range(2))
    for _ in range(draw(st.integers(0, 3))):
        head, tail = _mention(draw, text, spans), _mention(draw, text, spans)
        relation = draw(st.sampled_from(("companion_of", "none", "haunts")))
        types = draw(st.sampled_from(("PER", "", None))), draw(st.sampled_from(("FAC", None)))
        item = {"entity1": head, "entity2": tail, "entity1Type": types[0], "entity2Type": types[1]}
        item["relation"] = relation
        if item not in items:
            items.append(item)
            what = (head, tail), _searched(text, head, tail), relation, book, [kind or "" for kind in types]
            examples.append(_example("pg_fiction", f"{book}/{chunk_id}/{len(examples)}", text, *what))
    values = book, "A Tale", chunk_id, chunk, items
    return Record(dict(zip(PG_FICTION, values, strict=True)), tuple(examples))


HUB = ("text", "entity1", "entity2", "relation", "entity1Type", "entity2Type", "prompt_0_shot")


@st.composite
def hub(draw, spaces=ANYWHERE) -> Record:
    text, spans = draw(prose(spaces=spaces))
    head, tail = _mention(draw, text, spans), _mention(draw, text, spans)
    relation, types = draw(st.none() | _labels("rebel")), draw(st.sampled_from(((None, None), ("PER", "LOC"))))
    native = dict(zip(HUB, (text, head, tail, relation, *types, "Who?"), strict=True))
    what = text, (head, tail), _searched(text, head, tail), relation or "NA"
    return Record(native, (_example("hub", NUMBER, *what, types=[kind or "" for kind in types]),))


COLUMNS = {
    "id": "key",
    "text": "doc.text",
    "group": "doc.id",
    "head": "head.text",
    "head_start": "head.span.start",
    "head_end": "head.span.end",
    "tail": "tail.text",
    "tail_start": "tail.span.start",
    "tail_end": "tail.span.end",
    "relation": "label",
}


@st.composite
def columns(draw) -> Record:
    text, spans = draw(prose(spaces=ANYWHERE))
    (head, h), (tail, t) = (
        (text[spans[first][0] : spans[last][1]], (spans[first][0], spans[last][1]))
        if draw(st.booleans())
        else (draw(WORD), (-1, -1))
        for first, last in (_stretch(draw, spans), _stretch(draw, spans))
    )
    key, document = draw(st.integers(0, 9999)), draw(st.text("abc", min_size=1, max_size=3))
    native = {
        "key": key,
        "doc": {"text": text, "id": document},
        "head": {"text": head, "span": {"start": h[0], "end": h[1]}},
        "tail": {"text": tail, "span": {"start": t[0], "end": t[1]}},
        "label": draw(_labels("rebel")),
    }
    return Record(native, (_example("hub", key, text, (head, tail), (h, t), native["label"], document),))
