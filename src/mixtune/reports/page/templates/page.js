// Start of the page: theme, matrix, scores, tables, charts.

function startTheme() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem("mixtune-theme"); // browsers may refuse this for local files
  } catch {
    /* the choice is then lost on reload */
  }
  const apply = () => {
    document.documentElement.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
    button.setAttribute("aria-pressed", String(isDark()));
  };
  const redraw = () => {
    apply();
    drawMatrix();
    drawCharts();
  };
  button.addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("mixtune-theme", chosen);
    } catch {
      /* see above */
    }
    redraw();
  });
  system.addEventListener("change", redraw);
  apply();
}

function startTables() {
  for (const { name, caption, columns } of DATA.plain) {
    document.getElementById(`table-${name}`).replaceChildren(dataTable({ caption, tables: [name], columns, rows: rows(name) }));
  }
}

startTheme();
startMatrix();
startScores();
startTables();
startCharts().then(() => document.documentElement.setAttribute("data-ready", ""));
