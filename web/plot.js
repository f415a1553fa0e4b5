// One plot: lines over the last minutes, with the scale at the left and the time below.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const SPAN_MIN_MS = 30000;

function shape(tag, attributes, title) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (title !== undefined) {
    const text = document.createElementNS(SVG, "title");
    text.textContent = title;
    made.append(text);
  }
  return made;
}

function label(x, y, text, anchor = "start") {
  const made = shape("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}

// A linear scale up to 1, 2 or 5 and zeros; `thousand` is what a kilo is.
function linear(most, thousand) {
  const size = thousand ** Math.max(0, Math.floor(Math.log(Math.max(most, 1)) / Math.log(thousand)));
  const steps = most <= 1 ? [1] : [1, 2, 5, 10, 20, 50, 100, 200, 500, thousand];
  const top = steps.map((step) => step * size).find((bound) => bound >= most) ?? most;
  return { part: (value) => value / top, marks: [0, top / 2, top] };
}

// Powers of ten: what is a thousand times slower is seen beside the rest.
function logarithmic(least, most) {
  const low = Math.floor(Math.log10(Math.max(least, 1)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most, 1))));
  const marks = [];
  for (let power = low; power <= high; ++power) marks.push(10 ** power);
  return { part: (value) => (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low), marks };
}

function timeBefore(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}

// `lines`: [{kind, points: [{ms, value}]}]; a value of null is a gap. The first one's area is filled; what
// failed is drawn as bars. `scaleOf` makes a scale of all values.
function plotOf(lines, text, scaleOf, width) {
  const height = 150;
  const base = height - 18;
  const all = lines.flatMap((line) => line.points);
  const last = Math.max(...all.map((point) => point.ms));
  const span = Math.max(SPAN_MIN_MS, last - Math.min(...all.map((point) => point.ms)));
  const scale = scaleOf(all.map((point) => point.value).filter((value) => value !== null));
  const x = (ms) => width - ((last - ms) / span) * width;
  const y = (value) => base - scale.part(value) * (base - 14);
  const at = (point) => `${x(point.ms).toFixed(1)},${y(point.value).toFixed(1)}`;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" });
  for (const mark of scale.marks) {
    svg.append(shape("line", { class: "grid", x1: 0, x2: width, y1: y(mark) + 0.5, y2: y(mark) + 0.5 }));
  }
  for (const [index, line] of lines.entries()) {
    if (line.kind === "failed") {
      for (const point of line.points.filter((some) => some.value > 0)) {
        svg.append(shape("line", { class: "bar failed", x1: x(point.ms), x2: x(point.ms), y1: base, y2: y(point.value) }));
      }
      continue;
    }
    // From gap to gap.
    const runs = [[]];
    for (const point of line.points) point.value === null ? runs.push([]) : runs[runs.length - 1].push(point);
    for (const run of runs.filter((some) => some.length > 0)) {
      if (index === 0 && run.length > 1) {
        const ends = [run[run.length - 1], run[0]].map((point) => `${x(point.ms).toFixed(1)},${base}`);
        svg.append(shape("polygon", { class: "area", points: [...run.map(at), ...ends].join(" ") }));
      }
      if (run.length > 1) svg.append(shape("polyline", { class: `line ${line.kind}`, points: run.map(at).join(" ") }));
      else svg.append(shape("circle", { class: `dot ${line.kind}`, cx: x(run[0].ms), cy: y(run[0].value), r: 1.75 }));
    }
  }
  // Over the lines, or a busy plot could not be read.
  for (const mark of scale.marks.slice(1)) svg.append(label(0, y(mark) - 4, text(mark)));
  svg.append(label(0, height - 4, timeBefore(span)), label(width, height - 4, "now", "end"));
  return svg;
}
