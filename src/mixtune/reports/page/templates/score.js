// Dialog with details of one score: metrics, labels, confusions, strata, errors.

const DIALOG = document.getElementById("score");

const baselineName = ({ kind, model, condition }) => (condition === "any" ? [kind, model] : [kind, model, condition]);

function openScore(key) {
  const index = SCORE_INDEX.get(keyOf(key, SCORE));
  if (index === undefined) return;
  const score = rows("scores")[index];
  const variant = isVariant(score) ? [score.variant] : [];
  const run = [`seed ${score.seed}`, `condition ${score.condition}`];
  const cell = [score.model, score.mixture, `${score.shots}-shot`, ...variant, ...run];
  const facts = (isBaseline(score) ? baselineName(score) : cell).join(" · ");
  const title = el("h2", { id: "score-title" }, SETUP.benchmarks[score.benchmark]?.title ?? score.benchmark);
  const close = el("button", { type: "button", class: "close", onclick: () => DIALOG.close() }, "Close");
  const part = (name) => group(name, ["score"]).get(String(index)) ?? [];
  const parts = [
    numbers(score), siblings(score), labelsOf(part("per_class")), confusions(part("confusion"), part("per_class")),
    strata(part("strata")), errors(part("errors")),
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
    fact("scores", "TP · FP · FN", counts),
    fact("scores", "Outside the label list", `${percent("out_of_schema")} %`),
    fact("scores", "Empty", `${percent("empty")} %`),
  ];
  const bounds = find("intervals", SCORE_KEYS, score);
  if (bounds) {
    const title = `${format(100 * bounds.level, "number")} % confidence interval`;
    facts.splice(1, 0, fact("intervals", title, `${format(bounds.low, "score")}–${format(bounds.high, "score")}`));
  }
  const paper = find("published", SCORE_KEYS, score);
  if (paper) {
    const ours = paper.difference === null ? "" : ` (difference ${format(paper.difference, "signed")})`;
    const note = paper.note ? `; ${paper.note}` : "";
    facts.push(fact("published", "Published micro-F1", `${format(paper.published, "score")}${ours}${note}`));
  }
  const ceiling = find("data", ["benchmark", "split"], { ...score, split: "test" })?.ceiling ?? null;
  if (ceiling !== null) facts.push(fact("data", "Accuracy ceiling", format(ceiling, "score")));
  const overlap = find("overlap", ["mixture", "benchmark"], score);
  if (overlap) {
    const share = `${format(overlap.shared_rows, "count")} of ${format(overlap.test_rows, "count")}`;
    facts.push(fact("overlap", "Test rows whose text occurs in training rows", share));
  }
  const isComparable = (other) => other.benchmark === score.benchmark && (!hasCondition(other) || other.condition === score.condition);
  const baselines = rows("scores").filter((other) => isBaseline(other) && other !== score && isComparable(other));
  const others = baselines.map((other) => fact("scores", baselineName(other).join(" "), format(other.micro_f1, "score")));
  const more = others.length ? [el("h3", {}, "Baselines: micro-F1"), list(others)] : [];
  return el("section", {}, list(facts), ...more, sources([...used]));
}

const fold = (title, open, ...content) => el("details", { open }, el("summary", {}, title), ...content);
const limit = (name) => (name in DATA.limits ? el("p", { class: "note" }, DATA.limits[name]) : null);
const column = (key, title, kind) => ({ key, title, kind });

/** Return a function that draws table cells and colours one column by its value. */
const coloured = (key) => (row, column, first) => {
  const cell = plainCell(row, column, first);
  if (column.key === key) paintCell(cell, row[key], "score");
  return cell;
};

function paintCell(cell, value, kind) {
  cell.classList.add("heat");
  paint(cell, value, kind);
}

/** Create the table of the model's scores on this benchmark for all mixtures, shots, seeds and conditions. */
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
    column("label", "Label", "text"), column("support", "Support", "count"), column("f1", "F1", "score"),
    column("precision", "Precision", "score"), column("recall", "Recall", "score"), column("tp", "TP", "count"),
    column("fp", "FP", "count"), column("fn", "FN", "count"),
  ];
  const caption = "Scores of each positive label, most frequent first";
  const frequent = [...list].sort((a, b) => b.support - a.support);
  const table = dataTable({ caption, tables: ["per_class"], columns, rows: frequent, draw: coloured("f1") });
  return fold("Scores per label", true, table, limit("per_class"), sources(["per_class"]));
}

function confusions(pairs, labels) {
  if (!pairs.length) return null;
  const shown = (label) => (label === "" ? "(empty)" : label);
  const columns = [column("gold", "Gold", "text"), column("predicted", "Predicted", "text"), column("count", "Count", "count")];
  const draw = (row, column, first) => plainCell({ ...row, predicted: shown(row.predicted) }, column, first);
  const list = dataTable({ caption: "The most frequent confusions", tables: ["confusion"], columns, rows: pairs, draw });
  const note =
    "Stronger colours mark more frequent pairs. The diagonal contains correct predictions. Blank cells are pairs that " +
    "are not listed below.";
  const used = ["confusion", ...(labels.length ? ["per_class"] : [])];
  const parts = [confusionMatrix(pairs, labels, shown), el("p", { class: "note" }, note), list, limit("confusion")];
  return fold("Confusions", false, ...parts, sources(used));
}

/** Create the confusion matrix of the twelve labels with the most errors among the pairs. */
function confusionMatrix(pairs, labels, shown) {
  const errorCount = new Map();
  const add = (label, count) => errorCount.set(label, (errorCount.get(label) ?? 0) + count);
  for (const { gold, predicted, count } of pairs) [gold, predicted].forEach((label) => add(label, count));
  const names = [...errorCount.keys()].sort((a, b) => errorCount.get(b) - errorCount.get(a)).slice(0, 12);
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
  const caption = "Gold labels (rows) and predicted labels (columns) with the most errors";
  const heads = el("thead", {}, el("tr", {}, el("td", {}, "gold ↓ predicted →"), ...names.map(head)));
  const body = el("tbody", {}, ...names.map(row));
  const attributes = { class: "confusion", "data-source": sourceOf("confusion") };
  return scrolling(caption, el("table", attributes, captionOf(caption), heads, body));
}

function strata(list) {
  if (!list.length) return null;
  const columns = [
    column("stratum", "Property", "text"), column("bin", "Bin", "text"), column("n", "Test rows", "count"),
    column("micro_f1", "micro-F1", "score"),
  ];
  const caption = "micro-F1 by kind of example";
  const table = dataTable({ caption, tables: ["strata"], columns, rows: list, draw: coloured("micro_f1") });
  return fold("Scores by kind of example", false, table, sources(["strata"]));
}

function errors(list) {
  if (!list.length) return null;
  const roles = ["", "head", "tail", "head and tail"];
  const role = (mark) => el("span", { class: "role" }, ` ${roles[mark]}`);
  const piece = ([text, mark]) => (mark ? el("mark", { class: `m${mark}` }, text, role(mark)) : text);
  const fact = (term, value) => el("div", {}, el("dt", {}, term), el("dd", {}, value));
  const articles = list.map((row) => {
    const text = el("p", { class: "text", dir: "auto" }, ...row.parts.map(piece));
    const mentions = [fact("Head", row.head), fact("Tail", row.tail)];
    const labels = [fact("Gold", row.gold), fact("Predicted", row.predicted || "(empty)")];
    return el("article", { class: "error" }, text, el("dl", {}, ...mentions, ...labels), el("p", { class: "id" }, row.id));
  });
  const shown = el("div", { "data-source": sourceOf("errors") }, ...articles);
  return fold(`Errors: ${list.length} examples`, false, shown, limit("errors"), sources(["errors"]));
}

/** Open the score in the URL fragment, e.g. of a shared link. */
function openLinked() {
  const match = location.hash.match(/^#score=([^&]+)&([^&]+)&([^&]+)$/);
  if (!match) return;
  const [system, condition, benchmark] = match.slice(1).map(decodeURIComponent);
  openScore({ system, condition, benchmark });
}

function startScores() {
  DIALOG.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));
  DIALOG.addEventListener("click", (event) => event.target === DIALOG && DIALOG.close());
  window.addEventListener("hashchange", openLinked);
  openLinked();
}
