// Colours of heat maps. Scales are safe for colour-blind readers: one hue by lightness, or blue and orange.

const SCALES = {
  light: {
    score: ["#f7fafd", "#e3eef8", "#c4dcf0", "#97c3e6", "#5499d2", "#114e8c"],
    share: ["#fdf7f1", "#fdd9b4", "#fdae6b", "#e9762c", "#b8480a", "#6b2403"],
    signed: ["#8f4a06", "#dd8a33", "#f8dcb8", "#f5f5f5", "#c6dcef", "#5a9bcd", "#14559a"],
  },
  dark: {
    score: ["#1a222b", "#1f3b55", "#245b8a", "#3a85c0", "#78b7ea", "#cbe5ff"],
    share: ["#231e19", "#4f3116", "#8a4f14", "#c4761f", "#f0a651", "#ffe0ba"],
    signed: ["#f3a64d", "#a96a1c", "#573a16", "#22272d", "#1f4468", "#3d84bf", "#8ec5f5"],
  },
};
const SPAN = { score: [0, 1], share: [0, 1], signed: [-0.2, 0.2] };

const isDark = () => document.documentElement.dataset.theme === "dark";
const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Return the colour of a value as [red, green, blue]; values outside the span are clipped. */
function heat(value, kind) {
  const stops = SCALES[isDark() ? "dark" : "light"][kind];
  const [low, high] = SPAN[kind];
  const at = Math.min(1, Math.max(0, (value - low) / (high - low))) * (stops.length - 1);
  const from = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [channels(stops[from]), channels(stops[from + 1])];
  return a.map((channel, i) => Math.round(channel + (at - from) * (b[i] - channel)));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((channel) => channel / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Fill an element with a value's colour. The better of black and white text has a contrast of at least 4.5 on any colour. */
function paint(node, value, kind) {
  const rgb = heat(value, kind);
  const light = luminance(rgb);
  node.style.setProperty("--fill", `rgb(${rgb.join(" ")})`);
  node.style.setProperty("--ink", 1.05 / (light + 0.05) > (light + 0.05) / 0.05 ? "#fff" : "#000");
}
