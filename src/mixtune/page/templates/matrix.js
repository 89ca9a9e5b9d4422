// The matrix: a heat map table that is filtered, sorted, and opens what is behind a score.

const KEYS = ["model", "mixture", "shots", "seed", "condition"];
const PARTS = { general: "General", literary: "Literary", overall: "Overall" };
const SETUP = DATA.setup;
const SCORE_AT = new Map(rows("scores").map((row, i) => [keyOf(row, ["system", "condition", "benchmark"]), i]));
const behind = (row) => !["cell", "untuned"].includes(row.kind);

const MEASURES = [
  { id: "micro_f1", title: "micro-F1", kind: "score", table: "matrix" },
  { id: "difference", title: "micro-F1 minus the paper’s", kind: "signed", table: "published" },
  { id: "precision", title: "precision", kind: "score", table: "scores" },
  { id: "recall", title: "recall", kind: "score", table: "scores" },
  { id: "macro_f1", title: "macro-F1", kind: "score", table: "scores" },
  { id: "accuracy", title: "accuracy, negatives included", kind: "score", table: "scores" },
  { id: "out_of_schema", title: "answers outside the label list", kind: "share", table: "scores" },
  { id: "empty", title: "empty answers", kind: "share", table: "scores" },
].filter((measure) => measure.table in DATA.tables);

const view = {
  measure: MEASURES[0],
  transfer: false,
  intervals: false,
  beside: true,
  filters: { model: new Set(), mixture: new Set(), shots: new Set(), seed: new Set(), condition: new Set([SETUP.headline_condition]) },
  order: { key: null, down: true },
};

/** What the matrix shows in one place: the value, the table it is from, and whether it is a transfer score. */
function valueAt(row, key) {
  const average = key.endsWith("_avg");
  const own = row[key] !== null;
  const other = view.transfer && !own && key !== "overall_avg" ? group("transfer", KEYS).get(keyOf(row, KEYS))?.[0][key] ?? null : null;
  if (!own && other === null) return null;
  const { id, table } = view.measure;
  if (id === "micro_f1") return { value: own ? row[key] : other, table: own ? "matrix" : "transfer", transfer: !own };
  if (table === "published") {
    const value = group("published", [...KEYS, "benchmark"]).get(keyOf({ ...row, benchmark: key }, [...KEYS, "benchmark"]))?.[0].difference ?? null;
    return value === null ? null : { value, table, transfer: !own };
  }
  const at = average ? undefined : SCORE_AT.get(keyOf({ ...row, benchmark: key }, ["system", "condition", "benchmark"]));
  return at === undefined ? null : { value: rows("scores")[at][id], table, transfer: !own };
}

function intervalOf(row, key) {
  const found = group("intervals", [...KEYS, "benchmark"]).get(keyOf({ ...row, benchmark: key }, [...KEYS, "benchmark"]));
  return found ? found[0] : null;
}

function columnsShown() {
  const several = (key) => new Set(rows("matrix").filter((row) => !behind(row)).map((row) => row[key])).size > 1;
  const names = { model: "Model", mixture: "Mixture", shots: "Shots", seed: "Seed", condition: "Condition" };
  const seeds = SETUP.seeds.length > 1;
  const one = view.filters.condition.size === 1 || !several("condition");
  const facts = KEYS.filter((key) => (key !== "seed" || seeds) && (key !== "condition" || !one));
  const averages = view.measure.table === "scores" ? [] : Object.keys(PARTS).filter((part) => rows("matrix").some((row) => row[`${part}_n`] > 0));
  return [
    ...facts.map((key) => ({ key, title: names[key], kind: key === "shots" || key === "seed" ? "number" : "text", group: "" })),
    ...averages.map((part) => ({ key: `${part}_avg`, title: PARTS[part], kind: view.measure.kind, group: "Averages", average: true })),
    ...Object.entries(SETUP.benchmarks).map(([key, { title, domain }]) => ({ key, title, kind: view.measure.kind, group: domain })),
  ];
}

function rowsShown() {
  const passes = (row) =>
    KEYS.every((key) => !view.filters[key].size || view.filters[key].has(row[key]) || (row.condition === "any" && key === "condition"));
  return rows("matrix").filter((row) => (behind(row) ? view.beside && (row.condition === "any" || passes(row)) : passes(row)));
}

/** The highest value of each column, which is set in bold. */
function bestOf(list, columns) {
  const best = {};
  if (view.measure.kind !== "score") return best;
  for (const { key } of columns.filter((column) => column.group)) {
    const values = list.map((row) => valueAt(row, key)?.value ?? null).filter((value) => value !== null);
    if (new Set(values).size > 1) best[key] = Math.max(...values);
  }
  return best;
}

function scoreCell(row, column, best) {
  const found = valueAt(row, column.key);
  if (!found) return el("td", { class: "num blank" }, el("span", { "aria-hidden": "true" }, "–"), hidden("no score here"));
  const { value, table, transfer } = found;
  const bounds = view.measure.id === "micro_f1" ? intervalOf(row, column.key) : null;
  const flagged = row.flagged.split(", ").includes(column.key);
  const top = value === best[column.key];
  const content = [
    el("span", { class: "value" }, format(value, view.measure.kind), flagged ? el("span", { class: "flag", "aria-hidden": "true" }, "†") : null),
    view.intervals && bounds ? el("span", { class: "bounds", "data-source": sourceOf("intervals") }, `${format(bounds.low, "score")}–${format(bounds.high, "score")}`) : null,
    flagged ? hidden(", over half of the answers unusable") : null,
    transfer ? hidden(", not trained on") : null,
    top ? hidden(", highest of its column") : null,
  ];
  const cell = el("td", { class: `num heat${transfer ? " transfer" : ""}${top ? " best" : ""}${column.average ? " average" : ""}`, "data-source": sourceOf(table) });
  paint(cell, value, view.measure.kind);
  if (column.average) cell.append(...content.filter(Boolean));
  else {
    const place = { system: row.system, condition: row.condition, benchmark: column.key };
    const title = bounds ? `${format(bounds.low, "score")} to ${format(bounds.high, "score")}` : null;
    cell.append(el("button", { type: "button", class: "open", tabindex: -1, title, onclick: () => openScore(place) }, ...content));
  }
  return cell;
}

/** A row; what the row above says too is written fainter. */
function systemRow(row, columns, best, above) {
  const cells = columns.map((column, i) => {
    if (column.group) return scoreCell(row, column, best);
    if (i) return el("td", { class: `fact ${column.kind === "text" ? "text" : "num"}` }, behind(row) && column.key !== "mixture" ? "" : String(row[column.key]));
    const seed = SETUP.seeds.length > 1 ? [`seed ${row.seed}`] : [];
    const condition = columns.some(({ key }) => key === "condition") ? [row.condition] : [];
    const facts = behind(row) ? [row.mixture] : [row.mixture, `${row.shots}-shot`, ...seed, ...condition];
    return el("th", { scope: "row", class: "system" }, el("span", { class: `name${above?.model === row.model ? " again" : ""}` }, row.model), el("span", { class: "which" }, facts.join(" · ")));
  });
  return el("tr", {}, ...cells);
}

function groupHeaders(columns) {
  const groups = [];
  for (const column of columns) {
    if (groups.length && groups.at(-1).name === column.group) groups.at(-1).span += 1;
    else groups.push({ name: column.group, span: 1 });
  }
  const title = ({ name }) => (name in PARTS ? `${PARTS[name]} benchmarks` : name);
  return el("tr", { class: "groups" }, ...groups.map((one) => (one.name ? el("th", { scope: "colgroup", colspan: one.span }, title(one)) : el("td", { colspan: one.span }))));
}

const MATRIX = document.getElementById("matrix-table");
function drawMatrix() {
  const columns = columnsShown();
  if (!columns.some((column) => column.key === view.order.key)) view.order.key = null;
  const shown = sorted(rowsShown(), view.order, (row, key) => (columns.find((column) => column.key === key).group ? (valueAt(row, key)?.value ?? null) : row[key]));
  const scored = columns.filter((column) => column.group);
  const systems = shown.filter((row) => !behind(row));
  const others = shown.filter((row) => behind(row) && scored.some((column) => valueAt(row, column.key)));
  const best = bestOf(systems, columns);
  const headers = columns.map((column) => sortHeader(column, view.order, drawMatrix, { class: column.group ? "num score" : column.kind === "text" ? "text" : "num" }));
  markSorted(headers, columns, view.order);
  headers.forEach((header, i) => header.classList.toggle("fact", i > 0 && !columns[i].group));
  const focused = MATRIX.contains(document.activeElement) ? document.activeElement.closest("th")?.cellIndex : undefined;
  const caption = captionOf(`${view.measure.title} × 100 of each system (rows) on each benchmark (columns)`);
  MATRIX.replaceChildren(
    caption,
    el("thead", {}, groupHeaders(columns), el("tr", {}, ...headers)),
    el("tbody", {}, ...systems.map((row, i) => systemRow(row, columns, best, systems[i - 1]))),
    ...(others.length ? [el("tbody", { class: "beside" }, el("tr", {}, el("th", { scope: "rowgroup", colspan: columns.length }, "Beside the cells")), ...others.map((row, i) => systemRow(row, columns, {}, others[i - 1])))] : []),
  );
  MATRIX.dataset.source = sourceOf(view.measure.table);
  MATRIX.querySelector("button.open")?.setAttribute("tabindex", 0);
  if (focused !== undefined) headers[focused].querySelector("button").focus();
  const order = view.order.key === null ? "in the config’s order" : `sorted by ${columns.find((column) => column.key === view.order.key).title}, ${view.order.down ? "highest" : "lowest"} first`;
  document.getElementById("matrix-status").textContent = `${systems.length} of ${rows("matrix").filter((row) => !behind(row)).length} systems and conditions, ${order}.`;
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
  const ends = [low, high].map((value) => el("span", {}, format(value, kind)));
  document.getElementById("matrix-legend").replaceChildren(ends[0], el("span", { class: "ramp", "aria-hidden": "true" }, ...steps), ends[1]);
}

/** Arrow keys move among scores; the table is one stop of the Tab key. */
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

function filterGroup(key, title) {
  const values = [...new Set(rows("matrix").filter((row) => !behind(row)).map((row) => row[key]))];
  if (key === "shots" || key === "seed") values.sort((a, b) => a - b);
  if (key === "condition") values.sort((a, b) => SETUP.conditions.indexOf(a) - SETUP.conditions.indexOf(b));
  if (values.length < 2 || (key === "seed" && SETUP.seeds.length < 2)) return null;
  const boxes = values.map((value) => {
    const change = (event) => {
      view.filters[key][event.target.checked ? "add" : "delete"](value);
      drawMatrix();
    };
    return el("label", { class: "chip" }, el("input", { type: "checkbox", name: key, value, checked: view.filters[key].has(value), onchange: change }), String(value));
  });
  return el("fieldset", { "data-source": sourceOf("matrix") }, el("legend", {}, title), ...boxes);
}

function toggle(key, title, table) {
  if (table && !(table in DATA.tables)) return null;
  const change = (event) => {
    view[key] = event.target.checked;
    drawMatrix();
  };
  return el("label", { class: "chip" }, el("input", { type: "checkbox", name: key, checked: view[key], onchange: change }), title);
}

function startMatrix() {
  const measure = el("select", { id: "measure" }, ...MEASURES.map(({ id, title }) => el("option", { value: id }, title)));
  measure.addEventListener("change", () => {
    view.measure = MEASURES.find(({ id }) => id === measure.value);
    drawMatrix();
  });
  const names = { model: "Model", mixture: "Mixture", shots: "Shots", condition: "Condition", seed: "Seed" };
  const any = rows("matrix").some(behind);
  document.getElementById("matrix-controls").append(
    el("div", { class: "field" }, el("label", { for: "measure" }, "Show"), measure),
    ...Object.entries(names).map(([key, title]) => filterGroup(key, title)).filter(Boolean),
    el("fieldset", {}, el("legend", {}, "Also"), ...[toggle("intervals", "intervals", "intervals"), toggle("transfer", "transfer", "transfer"), any ? toggle("beside", "floors and others") : null].filter(Boolean)),
  );
  MATRIX.addEventListener("keydown", moveInMatrix);
  drawMatrix();
}
