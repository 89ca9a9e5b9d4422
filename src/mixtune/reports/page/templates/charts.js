// Charts by Vega-Lite, in the page's own colours; expressions are interpreted, so that no code is made from text.

// Pixels that a panel needs: without names on its axis, beside one with names, with names of its own; and its most.
const PANEL = { plain: 170, beside: 330, named: 600, most: 460 };

/** The looks of all charts, from the style sheet, for a room and panels of a width in pixels. */
function looks(room, width) {
  const probe = document.body.appendChild(el("span"));
  const [text, faint, line, ...category] = ["text", "faint", "line", 1, 2, 3, 4, 5, 6, 7].map((name) => {
    probe.style.color = `var(--${typeof name === "number" ? `hue-${name}` : name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  const words = { labelColor: faint, titleColor: text, titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12 };
  const labelLimit = Math.min(380, Math.round(room * 0.42));
  const columns = Math.max(1, Math.floor(room / 230));
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: "transparent" },
    axis: { ...words, gridColor: line, domainColor: faint, tickColor: faint, labelLimit },
    legend: { ...words, orient: "bottom", labelLimit: 220, symbolSize: 80, columns, symbolStrokeColor: faint },
    header: { labelColor: text, labelFontSize: 13, labelFontWeight: 600, labelAnchor: "start", labelPadding: 6, labelLimit: width },
    range: { category },
    rule: { color: faint },
  };
}

/** The field whose names stand on the vertical axis, if any: such a panel grows with their number. */
const named = (spec) => spec.spec.layer.map((layer) => layer.encoding?.y).find((y) => y?.type === "nominal")?.field;

/** The specification with panels of a width in pixels, so many in a row; on a phone, long names take several lines. */
function fitted(spec, columns, width, list, phone) {
  const names = named(spec);
  const inner = { ...spec.spec, width: names ? width : Math.min(width, PANEL.most) };
  if (names) {
    const lines = Math.max(...list.map((row) => String(row[names]).split(" · ").length));
    const axis = phone ? { labelExpr: "split(datum.label, ' · ')" } : {};
    const encoded = (layer, y) => ({ ...layer, encoding: { ...layer.encoding, y: { ...y, axis: { ...y.axis, ...axis } } } });
    const withAxis = (layer) => (layer.encoding?.y?.type === "nominal" ? encoded(layer, layer.encoding.y) : layer);
    Object.assign(inner, { height: { step: phone ? 6 + 14 * lines : 20 }, layer: inner.layer.map(withAxis) });
  }
  return { ...spec, columns, spec: inner, spacing: { row: 30, column: 18 } };
}

const drawn = new Map();
async function drawChart(chart) {
  const place = document.getElementById(`chart-${chart.id}`);
  const room = place.clientWidth;
  const names = named(chart.spec);
  const apart = chart.spec.resolve?.scale?.y === "independent";
  const needed = names ? (apart ? PANEL.named : PANEL.beside) : PANEL.plain;
  const columns = Math.max(1, Math.min(chart.spec.columns, Math.floor(room / needed)));
  const tooltip = { disableDefaultStyle: true, theme: "page" };
  const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false, tooltip };
  const list = unpack(chart.table);
  const datasets = { ...chart.spec.datasets, rows: list };
  let width = Math.floor(room / columns) - 60;
  // How wide axes and their names are is known once they are drawn: then the panels get what is left.
  for (let attempt = 0; attempt < 3; attempt++) {
    drawn.get(chart.id)?.finalize();
    const spec = { ...fitted(chart.spec, columns, width, list, room < 600), datasets };
    drawn.set(chart.id, await vegaEmbed(place, spec, { ...options, config: looks(room, width) }));
    const spare = room - place.querySelector("svg").width.baseVal.value;
    if (spare >= 0 && (spare < columns || (!names && width > PANEL.most))) break;
    width = Math.max(90, width + Math.floor(spare / columns));
  }
  place.querySelector("form").remove(); // for controls, of which there are none
  const svg = place.querySelector("svg");
  for (const part of svg.querySelectorAll("[role], [aria-label]")) part.setAttribute("aria-hidden", "true");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${chart.title}. The numbers stand in the table below.`);
}

/** Draws all charts, after those that are being drawn. */
let drawing = Promise.resolve();
function drawCharts() {
  drawing = drawing.then(() => Promise.all(DATA.charts.map(drawChart)));
  return drawing;
}

/** The numbers of a chart as a table, made when it is opened. */
function startChartTables() {
  for (const chart of DATA.charts) {
    const fold = document.getElementById(`numbers-${chart.id}`);
    fold.addEventListener("toggle", () => {
      if (!fold.open || fold.querySelector("table")) return;
      const list = unpack(chart.table);
      const numeric = (key) => list.every((row) => row[key] === null || typeof row[key] === "number");
      const kind = (key) => (numeric(key) ? "number" : "text");
      const columns = Object.entries(chart.columns).map(([key, title]) => ({ key, title, kind: kind(key) }));
      fold.append(dataTable({ caption: chart.title, tables: chart.tables, columns, rows: list }));
    });
  }
}

async function startCharts() {
  startChartTables();
  await drawCharts();
  let width = innerWidth;
  let waiting;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (width !== innerWidth) drawCharts();
      width = innerWidth;
    }, 150);
  });
}
