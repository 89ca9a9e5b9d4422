// Data, elements and numbers. Text from data is only set as text, never parsed as HTML.

const DATA = JSON.parse(document.getElementById("embedded").textContent);

/** Create an element with attributes (`onclick` etc. are listeners) and children (elements or text). */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const hidden = (text) => el("span", { class: "sr" }, text);

/** Packed tables as objects, cached. */
const unpacked = new Map();
function rows(name) {
  if (!unpacked.has(name)) unpacked.set(name, name in DATA.tables ? unpack(DATA.tables[name]) : []);
  return unpacked.get(name);
}

function unpack(table) {
  const columns = Object.entries(table.columns);
  const value = (values, i) => (values.of ? values.of[values.at[i]] : values[i]);
  const row = (i) => Object.fromEntries(columns.map(([key, values]) => [key, value(values, i)]));
  return Array.from({ length: table.rows }, (_, i) => row(i));
}

const keyOf = (row, keys) => keys.map((key) => row[key]).join("\n");

/** Rows of a table grouped by some columns, cached. */
const grouped = new Map();
function group(name, keys) {
  const id = `${name}:${keys}`;
  if (!grouped.has(id)) {
    const groups = new Map();
    for (const row of rows(name)) {
      const key = keyOf(row, keys);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(row);
    }
    grouped.set(id, groups);
  }
  return grouped.get(id);
}

/** Return the row of a table with the same values as another in some columns, or null. */
const find = (name, keys, row) => group(name, keys).get(keyOf(row, keys))?.[0] ?? null;

const FORMATS = {
  text: (value) => value,
  score: (value) => (100 * value).toFixed(1),
  share: (value) => (100 * value).toFixed(1),
  signed: (value) => {
    const size = Math.abs(100 * value).toFixed(1);
    return size === "0.0" ? size : `${value < 0 ? "−" : "+"}${size}`;
  },
  count: (value) => value.toLocaleString("en-US"),
  number: (value) => {
    const short = Number(value.toPrecision(4));
    return Number.isInteger(value) ? String(value) : short.toLocaleString("en-US", { maximumFractionDigits: 4 });
  },
};

/** Format a value; a missing one is a dash. */
function format(value, kind) {
  return value === null || value === undefined || value === "" ? "–" : FORMATS[kind](value);
}

/** Create links to the source files of numbers. */
function sources(names) {
  const links = names.flatMap((name, i) => {
    const file = DATA.files[name];
    return [i ? ", " : "", file.is_pattern ? el("code", {}, file.label) : el("a", { href: file.href }, file.label)];
  });
  return el("p", { class: "source" }, "Source: ", ...links);
}
const sourceOf = (...names) => names.map((name) => DATA.files[name].href).join(" ");
