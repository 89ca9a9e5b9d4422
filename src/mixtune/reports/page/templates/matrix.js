// The matrix: a heat map table with filters, sorting, and a dialog with details of each score.

const KEYS = ["model", "mixture", "shots", "variant", "seed", "condition"];
const SCORE_KEYS = [...KEYS, "benchmark"];
const SCORE = ["system", "condition", "benchmark"];
const TITLES = {
  model: "Model", mixture: "Mixture", shots: "Shots", variant: "Variant", seed: "Seed", condition: "Condition",
};
const PARTS = { general: "General", literary: "Literary", overall: "Overall" };
const SETUP = DATA.setup;
const SCORE_INDEX = new Map(rows("scores").map((row, i) => [keyOf(row, SCORE), i]));

/** Whether a system is a baseline: an encoder, a frontier model, a floor, a ceiling. */
const isBaseline = (row) => !["cell", "untuned"].includes(row.kind);
const hasCondition = (row) => row.condition !== "any"; // false for systems with one way to predict
const isVariant = (row) => row.variant !== "default"; // tuned with other settings than those of the configuration
const OURS = rows("matrix").filter((row) => !isBaseline(row));

const MEASURES = [
  { id: "micro_f1", title: "micro-F1", kind: "score", table: "matrix" },
  { id: "difference", title: "micro-F1 minus published micro-F1", kind: "signed", table: "published" },
  { id: "precision", title: "precision", kind: "score", table: "scores" },
  { id: "recall", title: "recall", kind: "score", table: "scores" },
  { id: "macro_f1", title: "macro-F1", kind: "score", table: "scores" },
  { id: "accuracy", title: "accuracy, negatives included", kind: "score", table: "scores" },
  { id: "out_of_schema", title: "predictions outside the label list", kind: "share", table: "scores" },
  { id: "empty", title: "empty predictions", kind: "share", table: "scores" },
].filter((measure) => measure.table in DATA.tables);

const view = {
  measure: MEASURES[0],
  transfer: false,
  intervals: false,
  baselines: true,
  filters: Object.fromEntries(KEYS.map((key) => [key, new Set()])), // empty: no filter
  order: { key: null, down: true },
};
view.filters.condition.add(SETUP.headline_condition);

/** Return the value of a cell, its table, and whether it is a transfer score; or null. */
function valueAt(row, key) {
  const { id, table } = view.measure;
  const scoreKey = { ...row, benchmark: key };
  const own = row[key] !== null;
  const transfer = !own;
  const other = view.transfer && transfer && key !== "overall_avg" ? (find("transfer", KEYS, row)?.[key] ?? null) : null;
  if (!own && other === null) return null;
  if (id === "micro_f1") return { value: own ? row[key] : other, table: own ? "matrix" : "transfer", transfer };
  const found = table === "published" ? find("published", SCORE_KEYS, scoreKey) : rows("scores")[SCORE_INDEX.get(keyOf(scoreKey, SCORE))];
  const value = found?.[id] ?? null;
  return value === null ? null : { value, table, transfer };
}

const intervalOf = (row, key) => find("intervals", SCORE_KEYS, { ...row, benchmark: key });

function columnsShown() {
  const { kind, table } = view.measure;
  const conditions = new Set(OURS.map((row) => row.condition));
  const isHidden = {
    variant: !OURS.some(isVariant),
    seed: SETUP.seeds.length < 2,
    condition: view.filters.condition.size === 1 || conditions.size < 2,
  };
  const facts = KEYS.filter((key) => !isHidden[key]);
  const parts = Object.keys(PARTS).filter((part) => rows("matrix").some((row) => row[`${part}_n`] > 0));
  const averages = table === "scores" ? [] : parts; // other measures have no averages
  const benchmarks = Object.entries(SETUP.benchmarks);
  return [
    ...facts.map((key) => ({ key, title: TITLES[key], kind: ["shots", "seed"].includes(key) ? "number" : "text" })),
    ...averages.map((part) => ({ key: `${part}_avg`, title: PARTS[part], kind, group: "Averages", average: true })),
    ...benchmarks.map(([key, { title, domain }]) => ({ key, title, kind, group: `${PARTS[domain]} benchmarks` })),
  ];
}

function rowsShown() {
  const isExempt = (row, key) => key === "condition" && !hasCondition(row);
  const passes = (row, key) => !view.filters[key].size || view.filters[key].has(row[key]) || isExempt(row, key);
  const isShown = (row) => (isBaseline(row) ? view.baselines && passes(row, "condition") : KEYS.every((key) => passes(row, key)));
  return rows("matrix").filter(isShown);
}

/** Return the highest value of each column, if higher is better and values differ. */
function bestOf(list, columns) {
  const best = {};
  if (view.measure.kind !== "score") return best;
  for (const { key } of columns) {
    const values = list.map((row) => valueAt(row, key)?.value ?? null).filter((value) => value !== null);
    if (new Set(values).size > 1) best[key] = Math.max(...values);
  }
  return best;
}

function scoreCell(row, column, best) {
  const found = valueAt(row, column.key);
  if (!found) return el("td", { class: "num blank" }, el("span", { "aria-hidden": "true" }, "–"), hidden("no score"));
  const { value, table, transfer } = found;
  const bounds = view.measure.id === "micro_f1" ? intervalOf(row, column.key) : null;
  const [low, high] = bounds ? [bounds.low, bounds.high].map((bound) => format(bound, "score")) : [];
  const flagged = row.flagged.split(", ").includes(column.key);
  const top = value === best[column.key];
  const flag = flagged ? el("span", { class: "flag", "aria-hidden": "true" }, "†") : null;
  const content = [
    el("span", { class: "value" }, format(value, view.measure.kind), flag),
    view.intervals && bounds ? el("span", { class: "bounds", "data-source": sourceOf("intervals") }, `${low}–${high}`) : null,
    flagged ? hidden(", more than half of the predictions invalid") : null,
    transfer ? hidden(", outside the training mixture") : null,
    top ? hidden(", highest of its column") : null,
  ].filter(Boolean);
  const flags = Object.entries({ num: true, heat: true, transfer, best: top, average: column.average });
  const classes = flags.filter(([, isSet]) => isSet).map(([name]) => name);
  const cell = el("td", { class: classes.join(" "), "data-source": sourceOf(table) });
  paint(cell, value, view.measure.kind);
  if (column.average) cell.append(...content);
  else {
    const onclick = () => openScore({ ...row, benchmark: column.key });
    const title = bounds ? `${low} to ${high}` : null;
    cell.append(el("button", { type: "button", class: "open", tabindex: -1, title, onclick }, ...content));
  }
  return cell;
}

/** Create the row of a system; a model name repeated from the row above is fainter. */
function systemRow(row, columns, best, above) {
  const shown = (key) => columns.some((column) => column.key === key);
  const details = [row.mixture];
  if (!isBaseline(row)) details.push(`${row.shots}-shot`);
  if (isVariant(row)) details.push(row.variant);
  if (!isBaseline(row) && shown("seed")) details.push(`seed ${row.seed}`);
  if (hasCondition(row) && shown("condition")) details.push(row.condition);
  const name = el("span", { class: above?.model === row.model ? "name again" : "name" }, row.model);
  const head = el("th", { scope: "row", class: "system" }, name, el("span", { class: "which" }, details.join(" · ")));
  const fact = ({ key, kind }) => {
    const applies = !isBaseline(row) || key === "mixture" || (key === "condition" && hasCondition(row));
    const text = applies ? String(row[key]) : "";
    return el("td", { class: kind === "text" ? "fact text" : "fact num" }, text);
  };
  return el("tr", {}, head, ...columns.slice(1).map((column) => (column.group ? scoreCell(row, column, best) : fact(column))));
}

function groupHeaders(columns) {
  const groups = [];
  for (const { group } of columns) {
    if (groups.length && groups.at(-1).group === group) groups.at(-1).span += 1;
    else groups.push({ group, span: 1 });
  }
  const cell = ({ group, span }) => (group ? el("th", { scope: "colgroup", colspan: span }, group) : el("td", { colspan: span }));
  return el("tr", { class: "groups" }, ...groups.map(cell));
}

const MATRIX = document.getElementById("matrix-table");
function drawMatrix() {
  const columns = columnsShown();
  const sortedBy = columns.find((column) => column.key === view.order.key);
  if (!sortedBy) view.order.key = null;
  const value = (row, key) => (sortedBy.group ? (valueAt(row, key)?.value ?? null) : row[key]);
  const shown = sorted(rowsShown(), view.order, value);
  const scored = columns.filter((column) => column.group);
  const systems = shown.filter((row) => !isBaseline(row));
  const baselines = shown.filter((row) => isBaseline(row) && scored.some((column) => valueAt(row, column.key)));
  const best = bestOf(systems, scored);

  const headers = columns.map((column, i) => {
    const classes = column.group ? "num score" : column.kind === "text" ? "text" : "num";
    return sortHeader(column, view.order, drawMatrix, { class: i && !column.group ? `${classes} fact` : classes });
  });
  markSorted(headers, columns, view.order);
  const baselineTitle = el("tr", {}, el("th", { scope: "rowgroup", colspan: columns.length }, "Baselines"));
  const baselineRows = baselines.map((row, i) => systemRow(row, columns, {}, baselines[i - 1]));
  const focused = MATRIX.contains(document.activeElement) ? document.activeElement.closest("th")?.cellIndex : undefined;
  MATRIX.dataset.source = sourceOf(view.measure.table);
  MATRIX.replaceChildren(
    captionOf(`${view.measure.title} × 100 of each system (rows) on each benchmark (columns)`),
    el("thead", {}, groupHeaders(columns), el("tr", {}, ...headers)),
    el("tbody", {}, ...systems.map((row, i) => systemRow(row, columns, best, systems[i - 1]))),
    ...(baselines.length ? [el("tbody", { class: "baselines" }, baselineTitle, ...baselineRows)] : []),
  );
  MATRIX.querySelector("button.open")?.setAttribute("tabindex", 0);
  if (focused !== undefined) headers[focused].querySelector("button").focus();

  const order = sortedBy ? `sorted by ${sortedBy.title}, ${view.order.down ? "highest" : "lowest"} first` : "in the order of the config";
  document.getElementById("matrix-status").textContent = `${systems.length} of ${OURS.length} systems and conditions, ${order}.`;
  drawLegend();
}

function drawLegend() {
  const { kind } = view.measure;
  const [low, high] = SPAN[kind];
  const steps = Array.from({ length: 24 }, (_, i) => {
    const step = el("i");
    paint(step, low + ((high - low) * i) / 23, kind);
    return step;
  });
  const [from, to] = [low, high].map((value) => el("span", {}, format(value, kind)));
  const ramp = el("span", { class: "ramp", "aria-hidden": "true" }, ...steps);
  document.getElementById("matrix-legend").replaceChildren(from, ramp, to);
}

/** Move between scores by arrow keys; the table is a single stop of the Tab key. */
function moveInMatrix(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const from = event.target.closest("button.open");
  if (!from || !(event.key in steps)) return;
  event.preventDefault();
  const [down, right] = steps[event.key];
  const lines = [...MATRIX.querySelectorAll("tbody tr")];
  let [y, x] = [lines.indexOf(from.closest("tr")), from.closest("td").cellIndex];
  do {
    [y, x] = [y + down, x + right];
    const next = lines[y]?.cells[x]?.querySelector("button.open");
    if (!next) continue;
    from.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
    return;
  } while (lines[y]?.cells[x] || (down && lines[y]));
}

function filterGroup(key) {
  const values = [...new Set(OURS.map((row) => row[key]))];
  if (values.length < 2 || (key === "seed" && SETUP.seeds.length < 2)) return null;
  if (key === "condition") values.sort((a, b) => SETUP.conditions.indexOf(a) - SETUP.conditions.indexOf(b));
  else if (typeof values[0] === "number") values.sort((a, b) => a - b);
  const chosen = view.filters[key];
  const chip = (value) => {
    const onchange = (event) => {
      chosen[event.target.checked ? "add" : "delete"](value);
      drawMatrix();
    };
    const box = el("input", { type: "checkbox", name: key, value, checked: chosen.has(value), onchange });
    return el("label", { class: "chip" }, box, String(value));
  };
  return el("fieldset", { "data-source": sourceOf("matrix") }, el("legend", {}, TITLES[key]), ...values.map(chip));
}

function toggle(key, title) {
  const onchange = (event) => {
    view[key] = event.target.checked;
    drawMatrix();
  };
  return el("label", { class: "chip" }, el("input", { type: "checkbox", name: key, checked: view[key], onchange }), title);
}

function startMatrix() {
  const onchange = (event) => {
    view.measure = MEASURES.find(({ id }) => id === event.target.value);
    drawMatrix();
  };
  const options = MEASURES.map(({ id, title }) => el("option", { value: id }, title));
  const measure = [el("label", { for: "measure" }, "Measure"), el("select", { id: "measure", onchange }, ...options)];
  const toggles = [
    rows("intervals").length ? toggle("intervals", "intervals") : null,
    rows("transfer").length ? toggle("transfer", "transfer") : null,
    rows("matrix").some(isBaseline) ? toggle("baselines", "baselines") : null,
  ].filter(Boolean);
  document.getElementById("matrix-controls").append(
    el("div", { class: "field" }, ...measure),
    ...KEYS.map(filterGroup).filter(Boolean),
    ...(toggles.length ? [el("fieldset", {}, el("legend", {}, "Options"), ...toggles)] : []),
  );
  MATRIX.addEventListener("keydown", moveInMatrix);
  drawMatrix();
}
