// Charts by Vega-Lite, in the page's own colours; expressions are interpreted, so that no code is made from text.

const PANEL = { least: 170, named: 330, most: 460 }; // pixels: of a panel, of one with names on its axis; at most

/** The looks of all charts, from the style sheet. */
function looks(room, width) {
  const probe = document.body.appendChild(el("span"));
  const token = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const text = { labelColor: token("--faint"), titleColor: token("--text"), labelFont: "inherit", titleFont: "inherit", titleFontWeight: 500, labelFontSize: 12, titleFontSize: 12 };
  const config = {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: "transparent" },
    axis: { ...text, gridColor: token("--line"), domainColor: token("--faint"), tickColor: token("--faint"), labelLimit: Math.min(380, Math.round(room * 0.42)) },
    legend: { ...text, orient: "bottom", labelLimit: 220, symbolSize: 80, columns: Math.max(1, Math.floor(room / 230)), symbolStrokeColor: token("--faint") },
    header: { labelColor: token("--text"), labelFontSize: 13, labelFontWeight: 600, labelAnchor: "start", labelPadding: 6, labelLimit: width },
    range: { category: [1, 2, 3, 4, 5, 6, 7].map((i) => token(`--hue-${i}`)) },
    rule: { color: token("--faint") },
  };
  probe.remove();
  return config;
}

/** The field whose names stand on the vertical axis, if any: such a panel grows with their number. */
const named = (spec) => spec.spec.layer.map((layer) => layer.encoding?.y).find((y) => y?.type === "nominal")?.field;

/** The specification with panels of a width in pixels, so many in a row; on a phone, long names take several lines. */
function fitted(spec, columns, width, list, phone) {
  const inner = { ...spec.spec, width: named(spec) ? width : Math.min(width, PANEL.most) };
  if (named(spec)) {
    const lines = Math.max(...list.map((row) => String(row[named(spec)]).split(" · ").length));
    inner.height = { step: phone ? 6 + 14 * lines : 20 };
    const axis = (y) => ({ ...y, axis: { ...y.axis, ...(phone ? { labelExpr: "split(datum.label, ' · ')" } : {}) } });
    inner.layer = inner.layer.map((layer) => (layer.encoding?.y?.type === "nominal" ? { ...layer, encoding: { ...layer.encoding, y: axis(layer.encoding.y) } } : layer));
  }
  return { ...spec, columns, spec: inner, spacing: { row: 30, column: 18 } };
}

const drawn = new Map();
async function drawChart(chart) {
  const place = document.getElementById(`chart-${chart.id}`);
  const room = place.clientWidth;
  const columns = Math.max(1, Math.min(chart.spec.columns, Math.floor(room / (named(chart.spec) ? PANEL.named : PANEL.least))));
  const options = {
    actions: false, renderer: "svg", ast: true, defaultStyle: false, logLevel: 1,
    tooltip: { disableDefaultStyle: true, theme: "page" },
  };
  const list = unpack(chart.table);
  let width = Math.floor(room / columns) - 60;
  // How wide axes and their names are is known once they are drawn: then the panels get what is left.
  for (let attempt = 0; attempt < 3; attempt++) {
    drawn.get(chart.id)?.finalize();
    drawn.set(chart.id, await vegaEmbed(place, { ...fitted(chart.spec, columns, width, list, room < 600), datasets: { ...chart.spec.datasets, rows: list } }, { ...options, config: looks(room, width) }));
    const spare = room - place.querySelector("svg").width.baseVal.value;
    if ((spare >= 0 && spare < columns) || (spare > 0 && !named(chart.spec) && width > PANEL.most)) break;
    width = Math.max(90, width + Math.floor(spare / columns));
  }
  place.querySelector("form").remove(); // for controls, of which there are none
  const svg = place.querySelector("svg");
  for (const part of svg.querySelectorAll("[role], [aria-label]")) part.setAttribute("aria-hidden", "true");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${chart.title}. The numbers stand in the table below.`);
}

function drawCharts() {
  return Promise.all(DATA.charts.map(drawChart));
}

/** The numbers of a chart as a table, made when it is opened. */
function startChartTables() {
  for (const chart of DATA.charts) {
    const fold = document.getElementById(`numbers-${chart.id}`);
    fold.addEventListener("toggle", () => {
      if (!fold.open || fold.querySelector("table")) return;
      const list = unpack(chart.table);
      const kind = (key) => (list.every((row) => row[key] === null || typeof row[key] === "number") ? "number" : "text");
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
