// Semantic tables, sortable by buttons in their headers.

/**
 * Create a table that scrolls inside its own frame; cells of the first column are row headers.
 * @param {{caption: string, tables: string[], columns: {key: string, title: string, kind: string}[], rows: object[]}} table
 */
function dataTable({ caption, tables, columns, rows, draw = plainCell }) {
  const body = el("tbody");
  const order = { key: null, down: false };
  const headers = columns.map((column) => sortHeader(column, order, show));
  const head = el("thead", {}, el("tr", {}, ...headers));
  const table = el("table", { "data-source": sourceOf(...tables) }, captionOf(caption), head, body);
  function show() {
    markSorted(headers, columns, order);
    const line = (row) => el("tr", {}, ...columns.map((column, i) => draw(row, column, i === 0)));
    body.replaceChildren(...sorted(rows, order, (row, key) => row[key]).map(line));
  }
  show();
  return scrolling(caption, table);
}

const scrolling = (name, table) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, table);

/** Create a caption that stays visible while its table scrolls horizontally. */
const captionOf = (text) => el("caption", {}, el("span", {}, text));

function plainCell(row, { key, kind }, first) {
  const attributes = { class: kind === "text" ? "text" : "num" };
  return el(first ? "th" : "td", first ? { ...attributes, scope: "row" } : attributes, format(row[key], kind));
}

/** Create a header cell with a sort button: descending for numbers, ascending for text; then reversed; then unsorted. */
function sortHeader(column, order, onChange, attributes = {}) {
  const click = () => {
    const downFirst = column.kind !== "text";
    if (order.key !== column.key) Object.assign(order, { key: column.key, down: downFirst });
    else if (order.down === downFirst) order.down = !downFirst;
    else order.key = null;
    onChange();
  };
  const arrow = el("span", { class: "arrow", "aria-hidden": "true" });
  const button = el("button", { type: "button", class: "sort", onclick: click }, el("span", {}, column.title), arrow);
  return el("th", { scope: "col", class: column.kind === "text" ? "text" : "num", ...attributes }, button);
}

function markSorted(headers, columns, order) {
  const state = ({ key }) => (key !== order.key ? "none" : order.down ? "descending" : "ascending");
  headers.forEach((header, i) => header.setAttribute("aria-sort", state(columns[i])));
}

/** Return rows in the selected order; missing values are always last. */
function sorted(list, order, value) {
  if (order.key === null) return list;
  const isMissing = (item) => item === null || item === undefined || item === "";
  return [...list].sort((a, b) => {
    const [x, y] = [value(a, order.key), value(b, order.key)];
    if (isMissing(x) || isMissing(y)) return isMissing(x) - isMissing(y);
    const step = typeof x === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return order.down ? -step : step;
  });
}
