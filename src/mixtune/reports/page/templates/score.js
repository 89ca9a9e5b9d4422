// What is behind one score, in a dialog: its numbers, labels, confusions, strata, wrong answers.

const DIALOG = document.getElementById("score");

const besideName = ({ kind, model, condition }) => (condition === "any" ? [kind, model] : [kind, model, condition]);

function openScore(place) {
  const at = SCORE_AT.get(keyOf(place, SCORE));
  if (at === undefined) return;
  const score = rows("scores")[at];
  const cell = [score.model, score.mixture, `${score.shots}-shot`, `seed ${score.seed}`, `condition ${score.condition}`];
  const facts = (isBeside(score) ? besideName(score) : cell).join(" · ");
  const title = el("h2", { id: "score-title" }, SETUP.benchmarks[score.benchmark]?.title ?? score.benchmark);
  const close = el("button", { type: "button", class: "close", onclick: () => DIALOG.close() }, "Close");
  const part = (name) => group(name, ["score"]).get(String(at)) ?? [];
  const parts = [
    numbers(score), siblings(score), labelsOf(part("per_class")), confusions(part("confusion"), part("per_class")),
    strata(part("strata")), wrongAnswers(part("errors")),
  ];
  DIALOG.replaceChildren(
    el("header", {}, el("div", {}, title, el("p", { "data-source": sourceOf("scores") }, facts)), close),
    el("div", { class: "body" }, ...parts.filter(Boolean)),
  );
  if (!DIALOG.open) DIALOG.showModal();
  DIALOG.querySelector(".body").scrollTop = 0;
  history.replaceState(null, "", `#score=${SCORE.map((key) => encodeURIComponent(score[key])).join("&")}`);
}

function numbers(score) {
  const used = new Set();
  const fact = (table, title, value) => {
    used.add(table);
    return el("div", { "data-source": sourceOf(table) }, el("dt", {}, title), el("dd", {}, value));
  };
  const list = (facts) => el("dl", { class: "numbers" }, ...facts);
  const percent = (key) => format(score[key], "score");
  const counts = ["tp", "fp", "fn"].map((key) => format(score[key], "count")).join(" · ");
  const facts = [
    fact("scores", "micro-F1", percent("micro_f1")),
    fact("scores", "Precision", percent("precision")),
    fact("scores", "Recall", percent("recall")),
    fact("scores", "macro-F1", percent("macro_f1")),
    fact("scores", "Accuracy", percent("accuracy")),
    fact("scores", "Test rows", format(score.n, "count")),
    fact("scores", "Right · wrong · missed positives", counts),
    fact("scores", "Outside the label list", `${percent("out_of_schema")} %`),
    fact("scores", "Empty", `${percent("empty")} %`),
  ];
  const bounds = find("intervals", PLACE, score);
  if (bounds) {
    const title = `${format(100 * bounds.level, "number")} % interval`;
    facts.splice(1, 0, fact("intervals", title, `${format(bounds.low, "score")}–${format(bounds.high, "score")}`));
  }
  const paper = find("published", PLACE, score);
  if (paper) {
    const ours = paper.difference === null ? "" : ` (ours ${format(paper.difference, "signed")})`;
    const note = paper.note ? `; ${paper.note}` : "";
    facts.push(fact("published", "The paper’s micro-F1", `${format(paper.published, "score")}${ours}${note}`));
  }
  const ceiling = find("data", ["benchmark", "split"], { ...score, split: "test" })?.ceiling ?? null;
  if (ceiling !== null) facts.push(fact("data", "Ceiling of accuracy", format(ceiling, "score")));
  const seen = find("overlap", ["mixture", "benchmark"], score);
  if (seen) {
    const share = `${format(seen.shared_rows, "count")} of ${format(seen.test_rows, "count")}`;
    facts.push(fact("overlap", "Test rows whose text was trained on", share));
  }
  const alike = (other) => other.benchmark === score.benchmark && (!hasCondition(other) || other.condition === score.condition);
  const beside = rows("scores").filter((other) => isBeside(other) && other !== score && alike(other));
  const others = beside.map((other) => fact("scores", besideName(other).join(" "), format(other.micro_f1, "score")));
  const more = others.length ? [el("h3", {}, "Beside it: micro-F1"), list(others)] : [];
  return el("section", {}, list(facts), ...more, sources([...used]));
}

const fold = (title, open, ...content) => el("details", { open }, el("summary", {}, title), ...content);
const limit = (name) => (name in DATA.limits ? el("p", { class: "note" }, DATA.limits[name]) : null);
const column = (key, title, kind) => ({ key, title, kind });

/** A drawer of table cells that colours one column by its value. */
const coloured = (key) => (row, column, first) => {
  const cell = plainCell(row, column, first);
  if (column.key === key) paintCell(cell, row[key], "score");
  return cell;
};

function paintCell(cell, value, kind) {
  cell.classList.add("heat");
  paint(cell, value, kind);
}

/** The same benchmark under the model's other mixtures, shots, seeds and conditions. */
function siblings(score) {
  const others = rows("scores").filter((row) => row.model === score.model && row.benchmark === score.benchmark);
  if (others.length < 2) return null;
  const columns = [
    column("mixture", "Mixture", "text"), column("condition", "Condition", "text"), column("shots", "Shots", "number"),
    column("seed", "Seed", "number"), column("micro_f1", "micro-F1", "score"), column("precision", "Precision", "score"),
    column("recall", "Recall", "score"),
  ];
  const draw = (row, column, first) => {
    const cell = coloured("micro_f1")(row, column, first);
    if (first && row === score) cell.append(" (this score)");
    return cell;
  };
  const caption = "The same model and benchmark, by mixture, shots and condition";
  const title = `${score.model} on this benchmark: ${others.length} scores`;
  return fold(title, false, dataTable({ caption, tables: ["scores"], columns, rows: others, draw }), sources(["scores"]));
}

function labelsOf(list) {
  if (!list.length) return null;
  const columns = [
    column("label", "Label", "text"), column("support", "In gold", "count"), column("f1", "F1", "score"),
    column("precision", "Precision", "score"), column("recall", "Recall", "score"), column("tp", "Right", "count"),
    column("fp", "Wrong", "count"), column("fn", "Missed", "count"),
  ];
  const caption = "Scores of each positive label, most frequent first";
  const frequent = [...list].sort((a, b) => b.support - a.support);
  const table = dataTable({ caption, tables: ["per_class"], columns, rows: frequent, draw: coloured("f1") });
  return fold("Scores of each label", true, table, limit("per_class"), sources(["per_class"]));
}

function confusions(pairs, labels) {
  if (!pairs.length) return null;
  const shown = (label) => (label === "" ? "(empty)" : label);
  const columns = [column("gold", "Gold", "text"), column("predicted", "Predicted", "text"), column("count", "Times", "count")];
  const draw = (row, column, first) => plainCell({ ...row, predicted: shown(row.predicted) }, column, first);
  const list = dataTable({ caption: "The most frequent confusions", tables: ["confusion"], columns, rows: pairs, draw });
  const note =
    "The stronger the colour, the more often. On the diagonal stand right answers. A blank is a pair that is not among " +
    "those listed below.";
  const used = ["confusion", ...(labels.length ? ["per_class"] : [])];
  const parts = [confusionMatrix(pairs, labels, shown), el("p", { class: "note" }, note), list, limit("confusion")];
  return fold("Which label was taken for which", false, ...parts, sources(used));
}

/** Gold against predicted labels, for the twelve with the most errors among the pairs. */
function confusionMatrix(pairs, labels, shown) {
  const errors = new Map();
  const add = (label, count) => errors.set(label, (errors.get(label) ?? 0) + count);
  for (const { gold, predicted, count } of pairs) [gold, predicted].forEach((label) => add(label, count));
  const names = [...errors.keys()].sort((a, b) => errors.get(b) - errors.get(a)).slice(0, 12);
  const count = new Map(pairs.map((pair) => [keyOf(pair, ["gold", "predicted"]), pair.count]));
  const right = new Map(labels.map((row) => [row.label, row.tp]));
  const most = Math.max(...pairs.map((pair) => pair.count));
  const cell = (gold, predicted) => {
    const diagonal = gold === predicted;
    const n = diagonal ? right.get(gold) : count.get(keyOf({ gold, predicted }, ["gold", "predicted"]));
    const source = diagonal && labels.length ? "per_class" : "confusion";
    const text = n === undefined ? "" : format(n, "count");
    const node = el("td", { class: diagonal ? "num diagonal" : "num", "data-source": sourceOf(source) }, text);
    if (n !== undefined && !diagonal) paintCell(node, n / most, "share");
    return node;
  };
  const head = (label) => el("th", { scope: "col", title: shown(label) }, el("span", {}, shown(label)));
  const row = (gold) => {
    const name = el("th", { scope: "row", class: "text" }, shown(gold));
    return el("tr", {}, name, ...names.map((predicted) => cell(gold, predicted)));
  };
  const caption = "Gold labels (rows) against predicted labels (columns), those with the most errors";
  const heads = el("thead", {}, el("tr", {}, el("td", {}, "gold ↓ predicted →"), ...names.map(head)));
  const body = el("tbody", {}, ...names.map(row));
  const looks = { class: "confusion", "data-source": sourceOf("confusion") };
  return scrolling(caption, el("table", looks, captionOf(caption), heads, body));
}

function strata(list) {
  if (!list.length) return null;
  const columns = [
    column("stratum", "By", "text"), column("bin", "Examples", "text"), column("n", "Test rows", "count"),
    column("micro_f1", "micro-F1", "score"),
  ];
  const caption = "micro-F1 by kind of example";
  const table = dataTable({ caption, tables: ["strata"], columns, rows: list, draw: coloured("micro_f1") });
  return fold("Scores by kind of example", false, table, sources(["strata"]));
}

function wrongAnswers(list) {
  if (!list.length) return null;
  const roles = ["", "head", "tail", "head and tail"];
  const role = (mark) => el("span", { class: "role" }, ` ${roles[mark]}`);
  const piece = ([text, mark]) => (mark ? el("mark", { class: `m${mark}` }, text, role(mark)) : text);
  const fact = (term, value) => el("div", {}, el("dt", {}, term), el("dd", {}, value));
  const answers = list.map((row) => {
    const text = el("p", { class: "text", dir: "auto" }, ...row.parts.map(piece));
    const mentions = [fact("Head", row.head), fact("Tail", row.tail)];
    const labels = [fact("Gold", row.gold), fact("Predicted", row.predicted || "(empty)")];
    return el("article", { class: "error" }, text, el("dl", {}, ...mentions, ...labels), el("p", { class: "id" }, row.id));
  });
  const shown = el("div", { "data-source": sourceOf("errors") }, ...answers);
  return fold(`Wrong answers: ${list.length} of them`, false, shown, limit("errors"), sources(["errors"]));
}

/** Opens the score that the address names, as in a link that somebody sent. */
function openLinked() {
  const named = location.hash.match(/^#score=([^&]+)&([^&]+)&([^&]+)$/);
  if (!named) return;
  const [system, condition, benchmark] = named.slice(1).map(decodeURIComponent);
  openScore({ system, condition, benchmark });
}

function startScores() {
  DIALOG.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  DIALOG.addEventListener("click", (event) => event.target === DIALOG && DIALOG.close());
  window.addEventListener("hashchange", openLinked);
  openLinked();
}
