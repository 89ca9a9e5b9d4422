// What tests read from the page, as functions of `checks`.
"use strict";

// What goes wrong ends the wait for the page.
for (const fault of ["error", "unhandledrejection"]) {
  window.addEventListener(fault, () => document.documentElement.setAttribute("data-broken", ""));
}

window.checks = (() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function* texts() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const [text, node] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
      if (text && node.checkVisibility() && !node.closest("script, noscript, .sr, .arrow")) yield [text, node];
    }
  }

  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const behind = (node) => {
    const colour = channels(getComputedStyle(node).backgroundColor);
    return colour.length < 4 || colour[3] > 0 ? colour : behind(node.parentElement);
  };

  return {
    contrast,

    /** Cells of a column from top to bottom: of the table with such a caption, or of the matrix, floors left out. */
    column(title, caption) {
      const found = caption ? all("table").find((table) => table.caption.textContent.startsWith(caption)) : document.getElementById("matrix-table");
      const heads = [...[...found.tHead.rows].at(-1).cells].map((cell) => cell.textContent);
      return [...found.tBodies[0].rows].map((row) => row.cells[heads.indexOf(title)].textContent);
    },

    /** Terms and values of the numbers behind a score. */
    numbers: () => Object.fromEntries(all("#score .numbers div").map((div) => [...div.children].map((one) => one.textContent))),

    unfold: () => all("details").forEach((fold) => (fold.open = true)),

    /** Text whose contrast with what is behind it is under 4.5 (WCAG 2, AA). */
    faint() {
      const found = new Set();
      for (const [text, node] of texts()) {
        const style = getComputedStyle(node);
        const ratio = contrast(channels(node.closest("svg") ? style.fill : style.color), behind(node));
        if (ratio < 4.5) found.add(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
      }
      return [...found];
    },

    /** Figures, outside headings and prose, that stand in no element which names a file. */
    unsourced() {
      const prose = "h2, h3, summary, .note, section > p:not(.status, .legend)";
      return [...texts()].filter(([text, node]) => /\d/.test(text) && !node.closest(`[data-source], ${prose}`)).map(([text]) => text);
    },

    /** Controls and regions without a name. */
    nameless() {
      const named = (node) =>
        node.getAttribute("aria-label") || node.labels?.[0]?.textContent.trim() || node.textContent.trim() ||
        document.getElementById(node.getAttribute("aria-labelledby"))?.textContent;
      const kinds = "button, a, input, select, summary, dialog, nav, form, [role=region], [role=img]";
      return all(kinds).filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 80));
    },

    /** Faults of tables: no caption, a header without scope, a row without a header. */
    tables: () => [
      ...all("table").filter((table) => !table.caption?.textContent),
      ...all("th").filter((cell) => !cell.scope),
      ...all("tbody tr").filter((row) => !row.querySelector("th[scope^=row]")),
    ].map((node) => node.outerHTML.slice(0, 80)),

    /** What is wider than the place it has. */
    overflowing: () => all("html, .chart, #score .body").filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.id || one.tagName),

    /** Where the focus is in the matrix. */
    place: () => [document.activeElement.closest("tr").rowIndex, document.activeElement.closest("td").cellIndex],
  };
})();
