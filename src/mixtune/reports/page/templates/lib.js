// Data, elements and numbers. Text from data is only ever set as text; nothing here parses it as HTML.

const DATA = JSON.parse(document.getElementById("embedded").textContent);

/** An element with attributes (`onclick` and its like are listeners) and children (elements or text). */
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

/** A packed table as objects, made once. */
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

/** The rows of a table by a key made of some columns, grouped once. */
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

/** The row of a table that agrees with another in some columns, or null. */
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

/** A value as people read it; nothing is a dash. */
function format(value, kind) {
  return value === null || value === undefined || value === "" ? "–" : FORMATS[kind](value);
}

/** Links to the files that numbers come from. */
function sources(names) {
  const links = names.flatMap((name, i) => {
    const file = DATA.files[name];
    return [i ? ", " : "", file.glob ? el("code", {}, file.shown) : el("a", { href: file.href }, file.shown)];
  });
  return el("p", { class: "source" }, "Source: ", ...links);
}
const sourceOf = (...names) => names.map((name) => DATA.files[name].href).join(" ");
