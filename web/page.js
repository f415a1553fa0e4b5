// Draws /state, once a second. No library, nothing from elsewhere. Text goes in as text nodes only: a log's
// name may contain anything.
"use strict";

const POLL_MS = 1000;
const HISTORY = 300; // samples in a plot

const byId = (id) => document.getElementById(id);
const samples = new Map(); // log name -> what a plot needs of each moment, see remember()
let chosen = null;

// --- Making elements.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// --- Numbers as people read them.

const commas = (number) => Math.round(number).toLocaleString("en-US");

const rounded = (number) => number.toLocaleString("en-US", { maximumSignificantDigits: 3 });

function short(number) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (number >= size) return rounded(number / size) + " " + unit;
  }
  return rounded(number);
}

function bytes(number) {
  for (const [unit, size] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (number >= size) return rounded(number / size) + " " + unit;
  }
  return rounded(number) + " B";
}

function dollars(amount) {
  if (amount === 0) return "$0";
  return "$" + (amount >= 1 ? amount.toFixed(2) : amount.toPrecision(2));
}

const milliseconds = (us) => rounded(us / 1000);
const time = (us) => (us >= 1e6 ? `${rounded(us / 1e6)} s` : `${milliseconds(us)} ms`);
const moment = (ms) => (ms ? new Date(ms).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "–");

// --- The parts of the page.

function figure(name, value, why) {
  return element("div", { class: "figure", title: why ?? "" }, element("b", {}, value), element("span", {}, name));
}

function drawFigures(log) {
  const info = log.info;
  const writer = log.writer;
  const end = writer ? writer.end_offset : info.end_offset;
  const durable = writer ? writer.durable_offset : info.durable_offset;
  const start = writer ? writer.start_offset : info?.start_offset ?? 0;
  const figures = [
    figure("records", commas(end - start), `offsets ${start} up to ${end}`),
    figure("start offset", commas(start)),
    figure("durable offset", commas(durable), "every record below is acknowledged"),
    figure("end offset", commas(end), "the next record's"),
  ];
  if (info) {
    figures.push(figure("objects", commas(info.objects)), figure("stored", bytes(info.bytes)));
  }
  if (writer) {
    figures.push(
      figure("in flight", `${writer.in_flight} of ${writer.window}`, "objects"),
      figure("buffered", bytes(writer.buffered_bytes), "appended, not acknowledged"),
      figure("batch fill", writer.batch_fill_percent.toFixed(0) + " %"),
      figure("requests so far", dollars(writer.requests.dollars), "at the list prices of S3"),
    );
  }
  if (info) figures.push(figure("storage a month", dollars(info.storage_dollars_month), "at the list prices of S3"));
  byId("figures").replaceChildren(...figures);
}

// One place a column, the newest at the right; what nobody will ever fill is drawn as one gap.
function drawChain(info) {
  const columns = [];
  let next = null;
  for (const object of info.newest) {
    if (next !== null && object.seq > next) columns.push({ gap: object.seq - next, seq: next });
    columns.push(object);
    next = object.seq + 1;
  }
  const width = Math.max(byId("chain").clientWidth, 300);
  const height = 108;
  const base = height - 20;
  const ceiling = 16; // above it the marks say their offsets
  const gapWidth = 26;
  const most = Math.max(1, Math.floor((width - 20) / 6));
  const shown = columns.slice(-most);
  const gaps = shown.filter((column) => column.gap).length;
  const step = Math.min(22, (width - 20 - gaps * gapWidth) / Math.max(1, shown.length - gaps + 1));
  const tallest = Math.max(...shown.map((column) => column.bytes ?? 0), 1);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img" });
  svg.append(shape("line", { class: "base", x1: 0, x2: width, y1: base + 0.5, y2: base + 0.5 }));
  let x = 10;
  const mark = (kind, at, offset) => {
    const text = `${kind} ${commas(offset)}`;
    svg.append(shape("line", { class: `mark mark-${kind}`, x1: at, x2: at, y1: 3, y2: base }, `${kind}: offset ${offset}`));
    const left = at > width / 2;
    svg.append(label(left ? at - 5 : at + 5, 11, text, left ? "end" : "start"));
  };
  let started = shown.length === 0 || shown[0].seq > info.lowest_live;  // or it lies further to the left
  for (const column of shown) {
    if (!started && column.seq >= info.lowest_live) {
      mark("start", x - 1, info.start_offset);
      started = true;
    }
    if (column.gap) {
      svg.append(shape("rect", { class: "void", x: x + 1, y: base - 22, width: gapWidth - 4, height: 22 },
        `seqs ${column.seq} to ${column.seq + column.gap - 1}: nothing there, and if it is a void never will be`));
      x += gapWidth;
      continue;
    }
    // Sizes differ by orders of magnitude: the root keeps small objects visible.
    const tall = column.role === "seal" ? base - ceiling : 6 + Math.sqrt(column.bytes / tallest) * (base - ceiling - 10);
    svg.append(shape("rect", { class: column.role, x, y: base - tall, width: Math.max(step - 1.5, 1.5), height: tall, rx: 1 },
      `${column.role} ${column.seq}, ${bytes(column.bytes)}`));
    x += step;
    if (column.seq + 1 === info.tail) mark("end", x - 0.5, info.end_offset);
  }
  const first = shown[0];
  const last = shown[shown.length - 1];
  if (first) svg.append(label(10, height - 5, `seq ${first.seq}`));
  if (last && shown.length > 6) svg.append(label(Math.max(x, 160), height - 5, `${last.seq}`, "end"));
  byId("chain").replaceChildren(svg);
  byId("chain-caption").textContent =
    `the newest ${shown.length - gaps} objects; height: size` +
    (info.truncated_objects ? `; ${info.truncated_objects} behind the tail` : "") +
    (info.garbage_objects ? `; ${info.garbage_objects} to be deleted` : "");
}

const upTo = (thousand) => (values) => linear(Math.max(...values, 0), thousand);
const powersOfTen = (values) => logarithmic(Math.min(...values), Math.max(...values, 0));

function drawPlot(id, caption, lines, text, scaleOf) {
  const place = byId(id);
  const enough = lines.some((line) => line.points.length > 0);
  place.replaceChildren(element("small", {}, enough ? caption : "two looks make a line …"),
    ...(enough ? [plotOf(lines, text, scaleOf, Math.max(place.clientWidth, 200))] : []));
}

function drawRate(id, name, field, text, thousand) {
  const points = rates(name, field);
  const now = points.length ? points[points.length - 1].value : 0;
  const most = Math.max(...points.map((point) => point.value), 0);
  drawPlot(id, `now ${text(now)}, at most ${text(most)}`, [{ kind: "first", points }], text, upTo(thousand));
}

function drawPlots(log) {
  drawRate("plot-records", log.name, "records", short, 1000);
  drawRate("plot-bytes", log.name, "bytes", bytes, 1024);
  byId("writer-plots").hidden = !log.writer;
  if (!log.writer) return;
  const medians = uploadTimes(log.name, 0.5);
  const slowest = uploadTimes(log.name, 0.99);
  const latest = (points) => points.findLast((point) => point.value !== null)?.value ?? 0;
  drawPlot("plot-upload", `median ${time(latest(medians))}, 99 of 100 within ${time(latest(slowest))}`,
    [{ kind: "first", points: medians }, { kind: "second", points: slowest }], time, powersOfTen);
  const errors = Object.entries(log.writer.requests.errors).map(([code, count]) => `${code} ${commas(count)}`);
  const again = sentAgain(log.writer);
  drawPlot("plot-requests", (errors.join(", ") || "no errors") + (again ? `; ${commas(again)} sent again` : ""),
    [{ kind: "first", points: rates(log.name, "requests") }, { kind: "failed", points: rates(log.name, "trouble") }], short, upTo(1000));
}

function drawStages(writer) {
  byId("stages-section").hidden = !writer;
  if (!writer) return;
  const names = { queue: "queue", upload: "upload", order_wait: "order", callback: "callback" };
  const scale = logarithmic(10, Math.max(...Object.values(writer.stages_us).map((stage) => stage.p99)));
  byId("stages").replaceChildren(...Object.entries(names).map(([key, name]) => {
    const stage = writer.stages_us[key];
    const svg = shape("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none" });
    svg.append(shape("rect", { x: 0, y: 1, width: scale.part(stage.p50) * 98, height: 8 }));
    const far = scale.part(stage.p99) * 98;
    svg.append(shape("line", { x1: far, x2: far, y1: 0, y2: 10, "vector-effect": "non-scaling-stroke" }));
    return element("div", { class: "stage" }, element("span", {}, name), svg,
      element("i", {}, `${time(stage.p50)} / ${time(stage.p99)}`));
  }));
}

function fillTable(id, heads, rows, none) {
  if (rows.length === 0) return byId(id).replaceChildren(element("tr", {}, element("td", { class: "none" }, none)));
  const cell = (tag) => (value) =>
    element(tag, typeof value === "number" || value?.number ? { class: "number" } : {}, String(value?.number ?? (typeof value === "number" ? commas(value) : value)));
  const lines = rows.map((row) => element("tr", {}, ...row.map(cell("td"))));
  if (heads) lines.unshift(element("tr", {}, ...heads.map((head, i) => element("th", typeof rows[0][i] === "number" || rows[0][i]?.number ? { class: "number" } : {}, head))));
  byId(id).replaceChildren(...lines);
}

function drawTables(log) {
  fillTable("cursors", ["name", "offset", "behind", "moved"],
    log.cursors.map((cursor) => cursor.problem
      ? [cursor.name, "?", "?", cursor.problem]
      : [cursor.name, cursor.offset, cursor.lag, moment(cursor.moved_unix_ms)]), "none");
  fillTable("epochs", ["epoch", "first offset", "sealed", "by", "ended"],
    (log.info?.epochs ?? []).slice(-12).reverse().map((epoch) => [epoch.epoch, epoch.first_offset, moment(epoch.sealed_unix_ms),
      epoch.sealed_by || "–", epoch.closed_cleanly ? "closed" : epoch.epoch === log.info.epoch ? "open, or its writer is gone" : "taken over"]), "none seen yet");
  const requests = log.writer?.requests;
  byId("store-caption").textContent = requests ? "requests of this writer" : "inspections from outside";
  fillTable("store", null, requests ? [
    ["PUT", requests.puts], ["GET", requests.gets], ["LIST", requests.lists], ["DELETE", requests.deletes],
    ["failed", requests.failed], ["uploads tried again", log.writer.put_retries], ["slowed down", log.writer.slowdowns],
    ...(requests.hedges === undefined ? [] : [["sent again: throttled, failed", { number: `${commas(requests.retries_throttled)}, ${commas(requests.retries_failed)}` }],
      ["sent twice for being slow, second won", { number: `${commas(requests.hedges)}, ${commas(requests.hedges_won)}` }]]),
    ["cost so far", { number: dollars(requests.dollars) }],
  ] : [["inspections", log.inspections], ["failed", log.inspections_failed]], "");
}

function tellStatus(text, kind) {
  byId("status").textContent = text;
  byId("status").className = kind;
}

function drawStatus(log) {
  const failure = log.writer?.failure;
  if (failure && failure.code !== "closed") return tellStatus(`${failure.code}: ${failure.message}`, "bad");
  if (failure) return tellStatus("closed", "");
  if (log.writer?.waiting_for_store) return tellStatus("waiting for the store", "bad");
  if (log.error) return tellStatus(`${log.error.code}: ${log.error.message}`, "bad");
  if (log.writer) return tellStatus("writing", "good");
  if (log.info) return tellStatus(`seen ${moment(log.seen_unix_ms)}`, "good");
  return tellStatus("waiting for the first look …", "");
}

// --- From one state to the next.

/// What is known about each log, by name: of its writer in this process, and from outside.
function byLog(state) {
  const logs = new Map();
  const at = (name) => {
    if (!logs.has(name)) logs.set(name, { name, info: null, writer: null, cursors: [], inspections: 0, inspections_failed: 0, error: null });
    return logs.get(name);
  };
  for (const { log, state: seen } of state.logs) Object.assign(at(log), seen);
  for (const { log, state: seen } of state.writers) at(log).writer = seen;
  return logs;
}

// What the store's client sent once more, where it tells.
const sentAgain = ({ requests }) => (requests.retries_throttled ?? 0) + (requests.retries_failed ?? 0);

function remember(log) {
  const writer = log.writer;
  if (!writer && !log.info) return;
  // From outside only a new look is a new sample.
  const sample = writer ? { ms: Date.now(), records: writer.records, bytes: writer.object_bytes,
                            requests: writer.requests.puts + writer.requests.gets + writer.requests.lists + writer.requests.deletes,
                            trouble: writer.requests.failed + sentAgain(writer), upload: writer.stages_us.upload }
                        : { ms: log.seen_unix_ms, records: log.info.end_offset, bytes: log.info.bytes };
  if (!samples.has(log.name)) samples.set(log.name, []);
  const all = samples.get(log.name);
  if (all.length && all[all.length - 1].ms >= sample.ms) return;
  all.push(sample);
  if (all.length > HISTORY + 1) all.shift();
}

// From each sample to the next, as points of a plot.
function between(name, value) {
  const all = samples.get(name) ?? [];
  return all.slice(1).map((sample, i) => ({ ms: sample.ms, value: value(all[i], sample) }));
}

const rates = (name, field) =>
  between(name, (before, after) => Math.max(0, (after[field] - before[field]) / ((after.ms - before.ms) / 1000)));

// How long this part of the uploads that ended meanwhile took at most, as far as the ranges tell. Null: none did.
const uploadTimes = (name, part) =>
  between(name, ({ upload: before }, { upload: after }) => {
    const counts = after.counts.map((count, i) => count - before.counts[i]);
    let wanted = part * counts.reduce((sum, count) => sum + count, 0);
    if (wanted <= 0) return null;
    const bounds = after.upper_bounds;
    for (const [i, count] of counts.entries()) {
      if (wanted <= count) {
        const lower = i === 0 ? 0 : bounds[i - 1];
        return i === bounds.length ? lower : lower + (bounds[i] - lower) * (wanted / count);
      }
      wanted -= count;
    }
    return bounds[bounds.length - 1];
  });

function offerChoice(logs) {
  const names = [...logs.keys()];
  if (!names.includes(chosen)) chosen = names[0] ?? null;
  const choice = byId("choice");
  choice.hidden = names.length < 2;
  if (choice.options.length !== names.length) {
    choice.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  choice.value = chosen;
  byId("log-name").textContent = names.length < 2 ? chosen ?? "" : "";
}

function draw(state) {
  const logs = byLog(state);
  for (const log of logs.values()) remember(log);
  offerChoice(logs);
  const log = logs.get(chosen);
  if (!log) return tellStatus("nothing is watched", "bad");
  drawStatus(log);
  if (!log.info && !log.writer) return;
  drawFigures(log);
  if (log.info) drawChain(log.info);
  drawPlots(log);
  drawStages(log.writer);
  drawTables(log);
  document.title = `${chosen} – Varve`;
  document.body.dataset.drawn = "yes";
}

async function poll() {
  try {
    const answer = await fetch("/state", { cache: "no-store" });
    draw(await answer.json());
  } catch {
    tellStatus("the process does not answer any more", "bad");
  }
  setTimeout(poll, POLL_MS);
}

byId("choice").addEventListener("change", (event) => { chosen = event.target.value; });
poll();
