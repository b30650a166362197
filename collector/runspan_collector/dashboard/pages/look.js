// SPDX-License-Identifier: MIT
// How a chart looks: its colours, its axes and its legend, by the width of its card. Charts say what they show.
const HOUR = 3600000;
const DAY = 24 * HOUR;
const OUTCOMES = ["ok", "failed", "aborted"];
const seen = { version: new Set(), subcommand: new Set(), arch: new Set() }; // what has a colour of its own

let paper; // the colours of a picture to keep: the light ones, whatever the reader's scheme
export const style = (name) => (paper ?? getComputedStyle(document.documentElement)).getPropertyValue("--" + name).trim();

export function onPaper(make) {
  paper = [...document.styleSheets[0].cssRules].find((rule) => rule.selectorText === ":root").style;
  try {
    return make();
  } finally {
    paper = undefined;
  }
}

// The config of Vega-Lite for all charts.
export function theme() {
  const [text, soft, grid, plain] = ["text", "soft", "grid", "plain"].map(style);
  const small = { labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, titleColor: soft };
  vega.scheme("lines", vega.interpolateColors(style("lines").split(" ")));
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    view: { stroke: null },
    range: { category: style("names").split(" "), heatmap: style("heat").split(" "), ordinal: { scheme: "lines" } },
    mark: { color: plain },
    bar: { cornerRadiusEnd: 2 },
    rule: { color: plain },
    line: { strokeWidth: 2.5, color: plain },
    point: { color: plain },
    text: { color: text, fontSize: 12 },
    axis: { ...small, labelColor: soft, gridColor: grid, domainColor: grid, tickColor: grid, labelOverlap: true },
    axisY: { domain: false, ticks: false, labelPadding: 6 },
    legend: { ...small, labelColor: text, orient: "top", symbolType: "square", labelLimit: 0 },
    header: { labelColor: text },
  };
}

// ---- colours: one for a thing on the whole page; what the axis names already has none

// Remember names, so that each has its colour before it is drawn. Says whether there was a new one.
export function remember(field, names) {
  const before = seen[field].size;
  for (const name of names) seen[field].add(name);
  return seen[field].size > before;
}

// Versions are shades of one colour, the newest the strongest; the others are told apart by theirs.
function colourOf(field) {
  if (field === "outcome") return style;
  const names = [...seen[field]].filter((name) => name !== "unknown" && name !== "other");
  if (field === "version") names.sort(byVersion);
  const pool = style({ version: "versions", subcommand: "names", arch: "archs" }[field]).split(" ");
  const shade = field === "version" && vega.interpolateColors(pool);
  return (name) => {
    const at = names.indexOf(name);
    if (at < 0) return style("unknown");
    return shade ? shade(names.length > 1 ? at / (names.length - 1) : 1) : (pool[at] ?? style("unknown"));
  };
}

// 1.10 is after 1.9; a development version and a pre-release are before their release.
export function byVersion(a, b) {
  const [one, other] = [a, b].map((version) => version.match(/\d+|[a-z]+/gi) ?? []);
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    const [x, y] = [one[i] ?? "final", other[i] ?? "final"];
    if (x === y) continue;
    const [m, n] = [x, y].map((part) => (/^\d/.test(part) ? Number(part) : part === "final" ? -0.5 : -1));
    return m - n || (x < y ? -1 : 1);
  }
  return 0;
}

export function coloured(spec, rows) {
  for (const { encoding } of parts(spec)) {
    const colour = encoding?.color;
    if (!colour) continue;
    const { type, field } = colour;
    const names = new Set(rows.map((row) => row[field]));
    if (type === "ordinal" && typeof rows[0][field] === "string") {
      colour.scale = { domain: inOrder(spec, field, [...names]) };
    } else if (type === "nominal" && field in seen) {
      remember(field, names);
      let domain = [...seen[field]].filter((name) => names.has(name));
      if (field === "version") domain = inOrder(spec, field, domain);
      colour.scale = { domain, range: domain.map(colourOf(field)) };
    } else if (type === "nominal" && field === "outcome") {
      colour.scale = { domain: OUTCOMES, range: OUTCOMES.map(style) };
    }
  }
}

// Sort versions, and have the chart stack them in this order, which is the order of their shades. Vega's expressions take a
// line separator for the end of a line, so the list has it escaped.
function inOrder(spec, field, versions) {
  versions.sort(byVersion);
  const list = JSON.stringify(versions).replace(/[\u2028\u2029]/g, (end) => "\\u" + end.charCodeAt(0).toString(16));
  const place = { calculate: `indexof(${list}, datum.${field})`, as: "place" };
  const stacks = (spec.transform ?? []).filter((step) => step.stack && step.sort?.[0].field === field);
  spec.transform = [place, ...(spec.transform ?? [])];
  for (const step of stacks) step.sort = [{ field: "place" }];
  if (spec.encoding?.order?.field === field) spec.encoding.order = { field: "place" };
  return versions;
}

// ---- axes and legend

let canvas;
function widthOf(text) {
  canvas ??= document.createElement("canvas").getContext("2d");
  canvas.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return canvas.measureText(text).width;
}
const longest = (names) => Math.max(0, ...names.map((name) => widthOf(String(name))));

// As many columns as there is room for, so that no name is cut.
function legendColumns(spec, rows, pixels) {
  for (const part of [spec, ...(spec.layer ?? [])]) {
    const colour = part.encoding?.color;
    if (!colour || colour.legend === null || !["nominal", "ordinal"].includes(colour.type)) continue;
    const names = colour.scale?.domain ?? [...new Set(rows.map((row) => String(row[colour.field])))];
    const widest = longest(names.map((name) => name + ",")) + 32;
    const { y } = spec.encoding; // the legend begins where the axis does
    const axis = y?.type === "nominal" ? Math.min(pixels * 0.3, longest(rows.map((row) => row[y.field] ?? ""))) + 20 : 70;
    const columns = Math.max(1, Math.min(names.length, Math.floor((pixels - axis) / widest)));
    colour.legend = { ...colour.legend, columns, labelLimit: pixels - axis - 24 };
  }
}

const MOST = 40; // bars
const LEAST = 44; // pixels, of a column

// Leave out what there is no room for: all but the newest versions side by side, and the least frequent bars.
function few(spec, usermeta, rows, pixels) {
  const { x, y } = spec.encoding ?? {};
  const leave = (kept, all, of, which) => {
    if (kept.length === all.length) return;
    x.title = [x.title, `the ${which} ${kept.length} of ${all.length}; the table has all`].filter(Boolean).join(": ");
    const there = new Set(kept);
    rows = rows.filter((row) => there.has(of(row)));
  };
  if (x?.field === "version" && x.type === "nominal") {
    const all = [...new Set(rows.map((row) => row.version))].sort(byVersion);
    x.sort = all.slice(-Math.max(1, Math.floor((pixels * 0.75) / LEAST)));
    leave(x.sort, all, (row) => row.version, "newest");
    if (longest(x.sort) + 6 > (pixels * 0.7) / x.sort.length) x.axis = { ...x.axis, labelAngle: 30, labelAlign: "right", labelOverlap: false };
  }
  if (spec.height?.step) {
    const of = (row) => (usermeta.bars ?? [y.field]).map((field) => row[field]).join("\n");
    const all = [...new Set(rows.map(of))];
    leave(all.slice(0, MOST), all, of, "first");
  }
  return rows;
}

// Bars are as high as fills a card, but not too high, nor too low to be read. Long names stand above their bars.
function barHeights(spec, usermeta, rows, pixels) {
  const { y, x } = spec.encoding;
  const by = usermeta.bars ?? [y.field];
  const names = new Set(rows.map((row) => by.map((field) => String(row[field]).replace("params.", "")).join(": ")));
  const { step } = spec.height;
  spec.height = Math.max(names.size * step, Math.min(190, names.size * 36));
  const wide = longest([...names]);
  if (wide < pixels * 0.3) return;
  if (x?.type === "nominal") {
    y.axis = { ...y.axis, labelLimit: pixels * 0.3 };
    return;
  }
  const [high, bar] = [40, 16];
  spec.height = names.size * high;
  y.scale = { ...y.scale, paddingInner: 1 - bar / high, paddingOuter: 0.35 };
  y.axis = { ...y.axis, labelAlign: "left", labelPadding: 0, tickSize: 0, labelOffset: -bar / 2 - 9, labelLimit: pixels - 12, labelOverlap: false, zindex: 1 };
}

const UNITS = { day: { step: DAY, room: 50 }, hour: { step: HOUR, room: 46 }, week: { step: 7 * DAY, room: 50 } };

function named(time, unit) {
  const text = new Date(time).toISOString();
  return unit === "hour" ? text.slice(0, 13) + ":00Z" : text.slice(0, 10);
}

// The day, the hour, or the Monday, that a time is in.
const floor = (time, unit) => (unit === "week" ? time - ((((time - 4 * DAY) % (7 * DAY)) + 7 * DAY) % (7 * DAY)) : time - (time % UNITS[unit].step));

// One place for each day, hour or week of the time shown, with its label under it; as many labels as there is room for.
function timeAxis(spec, unit, rows, { from, to }, pixels) {
  const { x } = spec.encoding;
  const times = rows.map((row) => Date.parse(row[x.field]));
  if (rows[0][x.field].length > 10) unit = "hour";
  const { step, room } = UNITS[unit];
  const first = floor(Math.min(from ?? Infinity, ...times), unit);
  const last = Math.max(floor((to ?? 0) - 1, unit), ...times);
  const all = [];
  for (let time = last; time >= first && all.length < 1000; time -= step) all.unshift(time);
  const most = Math.max(1, Math.floor((pixels - 70) / room));
  const every = [1, 2, 3, 4, 6, 7, 12, 14, 24, 28, 56, 91, 182, 365].find((n) => all.length / n <= most) ?? all.length;
  const labelled = all.filter((time, i) => (unit === "hour" ? (time / HOUR) % every === 0 : (all.length - 1 - i) % every === 0));
  const values = labelled.map((time) => named(time, unit));
  const day = "utcFormat(toDate(datum.value), '%-d %b')";
  const clock = "utcFormat(toDate(datum.value), '%H:%M')";
  const withDay = `datum.value === '${values[0]}' || utchours(toDate(datum.value)) === 0`;
  x.scale = { ...x.scale, domain: all.map((time) => named(time, unit)) };
  const labelExpr = unit === "hour" ? `${withDay} ? [${clock}, ${day}] : [${clock}]` : day;
  x.axis = { ...x.axis, values, labelExpr, labelAngle: 0, labelOverlap: false, ticks: false, labelPadding: 5 };
}

const BEGINS = { week: { days: 7, format: "%-d %b" }, month: { days: 30, format: "%b" } };

// For charts whose bars begin with a week or month: a bar is as wide as its time is long, and the label stands under its
// middle. The charts leave out names of releases that would run into the next, by the time that one letter covers.
function beginAxis(spec, unit, years, rows, pixels) {
  const { days, format } = BEGINS[unit];
  const times = rows.map((row) => Date.parse(row[unit]));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  set(spec, { letter: ((last - first + days * DAY) / (pixels - 70)) * 7 });
  const places = unit === "month" ? { tickCount: "month" } : { values: { expr: `sequence(${first}, ${last + 1}, ${days * DAY})` } };
  const labelOffset = { expr: `(scale('x', ${days * DAY}) - scale('x', 0)) / 2` };
  const axis = { ...places, format: years ? format + " %Y" : format, labelOffset, ticks: false, grid: false, labelPadding: 5, labelFlush: false, labelSeparation: 8 };
  for (const part of parts(spec)) if (part.encoding?.x?.type === "temporal") part.encoding.x.axis = axis;
}

function set(spec, values) {
  for (const parameter of spec.params ?? []) parameter.value = values[parameter.name] ?? parameter.value;
}

// The layers of a chart, and those of the small charts in it.
function parts(spec) {
  return [spec, ...[spec.spec ?? [], spec.layer ?? []].flat().flatMap(parts)];
}

// Fit a chart to its rows, the time that is shown (in milliseconds since 1970) and its width in pixels. Returns the rows
// that it has room for.
export function fit(spec, usermeta, rows, time, pixels) {
  set(spec, time);
  rows = few(spec, usermeta, rows, pixels);
  coloured(spec, rows);
  legendColumns(spec, rows, pixels);
  if (spec.height?.step) barHeights(spec, usermeta, rows, pixels);
  if (usermeta.time) timeAxis(spec, usermeta.time, rows, time, pixels);
  const begins = usermeta.begins ?? usermeta.kept;
  if (begins) beginAxis(spec, begins, usermeta.kept, rows, pixels);
  return rows;
}
