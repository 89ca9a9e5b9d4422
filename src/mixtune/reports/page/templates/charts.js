// Vega-Lite charts in the page's colours; expressions are interpreted, so that no code is generated from text.

// Width of a panel in pixels: minimum without names on its y axis, with shared names, with its own names; maximum.
const PANEL = { plain: 170, sharedNames: 330, ownNames: 600, max: 460 };

/** Return the Vega-Lite configuration from the style sheet, for an available width and a panel width in pixels. */
function chartConfig(available, width) {
  const probe = document.body.appendChild(el("span"));
  const [text, faint, line, ...category] = ["text", "faint", "line", 1, 2, 3, 4, 5, 6, 7].map((name) => {
    probe.style.color = `var(--${typeof name === "number" ? `hue-${name}` : name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  const font = { labelColor: faint, titleColor: text, titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12 };
  const labelLimit = Math.min(380, Math.round(available * 0.42));
  const columns = Math.max(1, Math.floor(available / 230));
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: "transparent" },
    axis: { ...font, gridColor: line, domainColor: faint, tickColor: faint, labelLimit },
    legend: { ...font, orient: "bottom", labelLimit: 220, symbolSize: 80, columns, symbolStrokeColor: faint },
    header: { labelColor: text, labelFontSize: 13, labelFontWeight: 600, labelAnchor: "start", labelPadding: 6, labelLimit: width },
    range: { category },
    rule: { color: faint },
  };
}

/** Return the field with names on the y axis, if any: such a panel grows with their number. */
const nameField = (spec) => spec.spec.layer.map((layer) => layer.encoding?.y).find((y) => y?.type === "nominal")?.field;

/** Return the specification with panels of a width in pixels and a number of columns; on phones, long names wrap. */
function fitSpec(spec, columns, width, list, isPhone) {
  const names = nameField(spec);
  const inner = { ...spec.spec, width: names ? width : Math.min(width, PANEL.max) };
  if (names) {
    const lines = Math.max(...list.map((row) => String(row[names]).split(" · ").length));
    const axis = isPhone ? { labelExpr: "split(datum.label, ' · ')" } : {};
    const encoded = (layer, y) => ({ ...layer, encoding: { ...layer.encoding, y: { ...y, axis: { ...y.axis, ...axis } } } });
    const withAxis = (layer) => (layer.encoding?.y?.type === "nominal" ? encoded(layer, layer.encoding.y) : layer);
    Object.assign(inner, { height: { step: isPhone ? 6 + 14 * lines : 20 }, layer: inner.layer.map(withAxis) });
  }
  return { ...spec, columns, spec: inner, spacing: { row: 30, column: 18 } };
}

const drawn = new Map();
async function drawChart(chart) {
  const container = document.getElementById(`chart-${chart.id}`);
  const available = container.clientWidth;
  const names = nameField(chart.spec);
  const hasOwnNames = chart.spec.resolve?.scale?.y === "independent";
  const needed = names ? (hasOwnNames ? PANEL.ownNames : PANEL.sharedNames) : PANEL.plain;
  const columns = Math.max(1, Math.min(chart.spec.columns, Math.floor(available / needed)));
  const tooltip = { disableDefaultStyle: true, theme: "page" };
  const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false, tooltip };
  const list = unpack(chart.table);
  const datasets = { ...chart.spec.datasets, rows: list };
  let width = Math.floor(available / columns) - 60;
  // The width of axes and names is only known after drawing: panels then get the remaining width.
  for (let attempt = 0; attempt < 3; attempt++) {
    drawn.get(chart.id)?.finalize();
    const spec = { ...fitSpec(chart.spec, columns, width, list, available < 600), datasets };
    drawn.set(chart.id, await vegaEmbed(container, spec, { ...options, config: chartConfig(available, width) }));
    const spare = available - container.querySelector("svg").width.baseVal.value;
    if (spare >= 0 && (spare < columns || (!names && width > PANEL.max))) break;
    width = Math.max(90, width + Math.floor(spare / columns));
  }
  container.querySelector("form").remove(); // Vega Embed's empty form of controls
  const svg = container.querySelector("svg");
  for (const part of svg.querySelectorAll("[role], [aria-label]")) part.setAttribute("aria-hidden", "true");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${chart.title}. The table below contains the numbers.`);
}

/** Draw all charts, after pending ones. */
let drawing = Promise.resolve();
function drawCharts() {
  drawing = drawing.then(() => Promise.all(DATA.charts.map(drawChart)));
  return drawing;
}

/** Create the table of a chart when it is opened. */
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
