// What is behind one score, in a dialog: its numbers, labels, confusions, strata, wrong answers.

const DIALOG = document.getElementById("score");

function openScore(place) {
  const at = SCORE_AT.get(keyOf(place, ["system", "condition", "benchmark"]));
  if (at === undefined) return;
  const score = rows("scores")[at];
  const title = SETUP.benchmarks[score.benchmark]?.title ?? score.benchmark;
  const facts = behind(score) ? [score.kind, score.model] : [score.model, score.mixture, `${score.shots}-shot`, `seed ${score.seed}`, `condition ${score.condition}`];
  const part = (name) => group(name, ["score"]).get(String(at)) ?? [];
  DIALOG.replaceChildren(
    el("header", {}, el("div", {}, el("h2", { id: "score-title" }, title), el("p", { "data-source": sourceOf("scores") }, facts.join(" · "))), el("button", { type: "button", class: "close", onclick: () => DIALOG.close() }, "Close")),
    el("div", { class: "body" }, ...[numbers(score), siblings(score), labelsOf(part("per_class")), confusions(part("confusion"), part("per_class")), strata(part("strata")), wrongAnswers(part("errors"))].filter(Boolean)),
  );
  if (!DIALOG.open) DIALOG.showModal();
  DIALOG.querySelector(".body").scrollTop = 0;
  history.replaceState(null, "", `#score=${[place.system, place.condition, place.benchmark].map(encodeURIComponent).join("&")}`);
}

function numbers(score) {
  const fact = (title, value, table) => (value === null ? null : el("div", { "data-source": sourceOf(table) }, el("dt", {}, title), el("dd", {}, value)));
  const row = { ...score };
  const bounds = intervalOf(row, score.benchmark);
  const paper = group("published", [...KEYS, "benchmark"]).get(keyOf(row, [...KEYS, "benchmark"]))?.[0];
  const seen = group("overlap", ["mixture", "benchmark"]).get(keyOf(row, ["mixture", "benchmark"]))?.[0];
  const published = paper && paper.published !== null ? `${format(paper.published, "score")}${paper.difference === null ? "" : ` (ours ${format(paper.difference, "signed")})`}${paper.note ? ` — ${paper.note}` : ""}` : null;
  const ceiling = group("data", ["benchmark", "split"]).get(keyOf({ ...score, split: "test" }, ["benchmark", "split"]))?.[0].ceiling ?? null;
  const beside = rows("scores").filter((other) => behind(other) && other !== score && other.benchmark === score.benchmark);
  const used = ["scores", ...(bounds ? ["intervals"] : []), ...(paper ? ["published"] : []), ...(seen ? ["overlap"] : []), ...(ceiling === null ? [] : ["data"])];
  return el("section", {},
    el("dl", { class: "numbers" }, ...[
      fact("micro-F1", format(score.micro_f1, "score"), "scores"),
      bounds ? fact(`${format(100 * bounds.level, "number")} % interval`, `${format(bounds.low, "score")}–${format(bounds.high, "score")}`, "intervals") : null,
      fact("Precision", format(score.precision, "score"), "scores"),
      fact("Recall", format(score.recall, "score"), "scores"),
      fact("macro-F1", format(score.macro_f1, "score"), "scores"),
      fact("Accuracy", format(score.accuracy, "score"), "scores"),
      fact("Test rows", format(score.n, "count"), "scores"),
      fact("Right · wrong · missed positives", [score.tp, score.fp, score.fn].map((n) => format(n, "count")).join(" · "), "scores"),
      fact("Outside the label list", `${format(score.out_of_schema, "score")} %`, "scores"),
      fact("Empty", `${format(score.empty, "score")} %`, "scores"),
      paper ? fact("The paper’s micro-F1", published, "published") : null,
      ceiling === null ? null : fact("Ceiling of accuracy", format(ceiling, "score"), "data"),
      seen ? fact("Test rows whose text was trained on", `${format(seen.shared_rows, "count")} of ${format(seen.test_rows, "count")}`, "overlap") : null,
    ].filter(Boolean)),
    ...(beside.length ? [el("h3", {}, "Beside it: micro-F1"), el("dl", { class: "numbers" }, ...beside.map((other) => fact(`${other.kind} ${other.model}`, format(other.micro_f1, "score"), "scores")))] : []),
    sources(used));
}

/** The same benchmark under the model's other mixtures, shots, seeds and conditions. */
function siblings(score) {
  const others = rows("scores").filter((row) => row.model === score.model && row.benchmark === score.benchmark);
  if (others.length < 2) return null;
  const columns = [
    ...["mixture", "condition"].map((key) => ({ key, title: key[0].toUpperCase() + key.slice(1), kind: "text" })),
    ...["shots", "seed"].map((key) => ({ key, title: key[0].toUpperCase() + key.slice(1), kind: "number" })),
    ...[["micro_f1", "micro-F1"], ["precision", "Precision"], ["recall", "Recall"]].map(([key, title]) => ({ key, title, kind: "score" })),
  ];
  const draw = (row, column, first) => {
    const cell = plainCell(row, column, first);
    if (column.kind === "score") paintCell(cell, row[column.key], "score");
    if (first && row === score) cell.append(" (this score)");
    return cell;
  };
  return fold(`${score.model} on this benchmark: ${others.length} scores`, false, dataTable({ caption: "The same model and benchmark, by mixture, shots and condition", tables: ["scores"], columns, rows: others, draw }), sources(["scores"]));
}

function paintCell(cell, value, kind) {
  cell.classList.add("heat");
  paint(cell, value, kind);
}

const fold = (title, open, ...content) => el("details", { open }, el("summary", {}, title), ...content);
const limit = (name) => (DATA.limits[name] ? el("p", { class: "note" }, DATA.limits[name]) : null);

function labelsOf(list) {
  if (!list.length) return null;
  const columns = [
    { key: "label", title: "Label", kind: "text" },
    { key: "support", title: "In gold", kind: "count" },
    { key: "f1", title: "F1", kind: "score" },
    { key: "precision", title: "Precision", kind: "score" },
    { key: "recall", title: "Recall", kind: "score" },
    ...[["tp", "Right"], ["fp", "Wrong"], ["fn", "Missed"]].map(([key, title]) => ({ key, title, kind: "count" })),
  ];
  const draw = (row, column, first) => {
    const cell = plainCell(row, column, first);
    if (column.key === "f1") paintCell(cell, row.f1, "score");
    return cell;
  };
  const frequent = [...list].sort((a, b) => b.support - a.support);
  return fold("Scores of each label", true, dataTable({ caption: "Scores of each positive label, most frequent first", tables: ["per_class"], columns, rows: frequent, draw }), limit("per_class"), sources(["per_class"]));
}

function confusions(pairs, labels) {
  if (!pairs.length) return null;
  const weight = new Map();
  for (const { gold, predicted, count } of pairs) for (const label of [gold, predicted]) weight.set(label, (weight.get(label) ?? 0) + count);
  const names = [...weight.keys()].sort((a, b) => weight.get(b) - weight.get(a)).slice(0, 12);
  const count = new Map(pairs.map((pair) => [`${pair.gold}\n${pair.predicted}`, pair.count]));
  const right = new Map(labels.map((row) => [row.label, row.tp]));
  const shown = (label) => (label === "" ? "(empty)" : label);
  const top = Math.max(...pairs.map((pair) => pair.count));
  const cells = (gold) => names.map((predicted) => {
    const diagonal = gold === predicted;
    const n = diagonal ? right.get(gold) : count.get(`${gold}\n${predicted}`);
    const cell = el("td", { class: `num${diagonal ? " diagonal" : ""}`, "data-source": sourceOf(diagonal && "per_class" in DATA.files ? "per_class" : "confusion") }, n === undefined ? "" : format(n, "count"));
    if (n !== undefined && !diagonal) paintCell(cell, n / top, "share");
    return cell;
  });
  const caption = "Gold labels (rows) against predicted labels (columns), those with the most errors";
  const matrix = el("table", { class: "confusion", "data-source": sourceOf("confusion") }, captionOf(caption),
    el("thead", {}, el("tr", {}, el("td", {}, "gold ↓ predicted →"), ...names.map((name) => el("th", { scope: "col" }, el("span", {}, shown(name)))))),
    el("tbody", {}, ...names.map((gold) => el("tr", {}, el("th", { scope: "row", class: "text" }, shown(gold)), ...cells(gold)))));
  const columns = [{ key: "gold", title: "Gold", kind: "text" }, { key: "predicted", title: "Predicted", kind: "text" }, { key: "count", title: "Times", kind: "count" }];
  const draw = (row, column, first) => plainCell({ ...row, predicted: shown(row.predicted) }, column, first);
  return fold("Which label was taken for which", false,
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, matrix),
    el("p", { class: "note" }, "The stronger the colour, the more often. On the diagonal stand right answers. A blank is a pair that is not among those listed below."),
    dataTable({ caption: "The most frequent confusions", tables: ["confusion"], columns, rows: pairs, draw }),
    limit("confusion"), sources(["confusion", ...(labels.length ? ["per_class"] : [])]));
}

function strata(list) {
  if (!list.length) return null;
  const columns = [
    { key: "stratum", title: "By", kind: "text" },
    { key: "bin", title: "Examples", kind: "text" },
    { key: "n", title: "Test rows", kind: "count" },
    { key: "micro_f1", title: "micro-F1", kind: "score" },
  ];
  const draw = (row, column, first) => {
    const cell = plainCell(row, column, first);
    if (column.key === "micro_f1") paintCell(cell, row.micro_f1, "score");
    return cell;
  };
  return fold("Scores by kind of example", false, dataTable({ caption: "micro-F1 by kind of example", tables: ["strata"], columns, rows: list, draw }), sources(["strata"]));
}

function wrongAnswers(list) {
  if (!list.length) return null;
  const names = ["", "head", "tail", "head and tail"];
  const text = (parts) => parts.map(([piece, mark]) => (mark ? el("mark", { class: `m${mark}` }, piece, el("span", { class: "role" }, ` ${names[mark]}`)) : piece));
  const items = list.map((row) => el("article", { class: "error" },
    el("p", { class: "text", dir: "auto" }, ...text(row.parts)),
    el("dl", {}, ...[["Head", row.head], ["Tail", row.tail], ["Gold", row.gold], ["Predicted", row.predicted || "(empty)"]].map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)))),
    el("p", { class: "id" }, row.id)));
  return fold(`Wrong answers: ${list.length} of them`, false, el("div", { "data-source": sourceOf("errors") }, ...items), limit("errors"), sources(["errors"]));
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
