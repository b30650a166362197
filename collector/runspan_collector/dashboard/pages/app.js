// SPDX-License-Identifier: MIT
// The page: asks the server, and draws the charts that it is given. Text from the store is only ever set as text.
import { expressionInterpreter } from "./vega-interpreter.js"; // evaluates without eval, which the page's policy forbids

const get = (id) => document.getElementById(id);
const form = get("filters");
const DAY = 86400000;
const OUTCOMES = ["ok", "failed", "aborted", "unknown"];
let page = 0; // of the single runs
let turn = 0; // of drawing: an answer to an older one is thrown away
let taken = ""; // how many rows the store had taken when it was asked for what is shown
let rest = 0; // until then nothing is drawn of its own accord
let charts = [];
let choices = {}; // the values of each filter; their order gives the colours
let latest = new Map(); // what is drawn: each chart's rows

class LoggedOut extends Error {}

async function ask(name, parameters) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`data/${name}.json${query && "?" + query}`, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new LoggedOut();
  if (!answer.ok) throw new Error((await answer.text()).slice(0, 200));
  return answer.json();
}

function element(name, text, ...classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  made.classList.add(...classes);
  return made;
}

const utc = (time) => new Date(time).toISOString().slice(0, 19) + "Z";
const number = (value) => Number(value).toLocaleString("en", { maximumFractionDigits: 3 });
const percent = (part, whole) => (whole ? ((100 * part) / whole).toLocaleString("en", { maximumFractionDigits: 1 }) : "0") + " %";
const WORDS = { service: "program", p90_s: "9 of 10 within, s", aborted_runs: "aborted", os: "system", arch: "processor", nproc: "processes" };
const words = (column) => WORDS[column] ?? column.replace(/_s$/, ", s").replaceAll("_", " ");
const show = (value) => (value === null || value === "" ? "–" : typeof value === "number" ? number(value) : String(value));

// ---- filters: kept in the address after #, which is not sent anywhere

function filters() {
  const { service, subcommand, version, time, first, last } = form.elements;
  const found = { service: service.value, subcommand: subcommand.value, version: version.value };
  if (time.value === "days") {
    if (first.value) found.from = first.value;
    if (last.value) found.to = utc(Date.parse(last.value) + DAY);
  } else {
    const now = Date.now();
    found.to = utc(now);
    found.from = utc(now - time.value * DAY);
  }
  return found;
}

function toAddress() {
  const set = [...new FormData(form)].filter(([name, value]) => value && !(name === "time" && value === "30"));
  history.replaceState(null, "", set.length ? "#" + new URLSearchParams(set) : location.pathname);
}

function fromAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  for (const name of ["service", "subcommand", "version", "time", "first", "last"]) {
    const field = form.elements[name];
    const value = said.get(name) ?? (name === "time" ? "30" : "");
    // A value that the store has no longer is still shown as what is filtered by.
    if (field.options && name !== "time" && value && ![...field.options].some((o) => o.value === value)) field.add(new Option(value, value));
    field.value = value;
  }
  days();
}

function days() {
  for (const label of form.querySelectorAll(".day")) label.hidden = form.elements.time.value !== "days";
}

function fill(rows) {
  choices = Object.groupBy ? Object.groupBy(rows, (row) => row.filter) : rows.reduce((all, row) => ((all[row.filter] ??= []).push(row), all), {});
  for (const name of ["service", "subcommand", "version"]) {
    const select = form.elements[name];
    select.replaceChildren(new Option("All", ""), ...(choices[name] ?? []).map((row) => new Option(row.value, row.value)));
  }
}

// ---- charts

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

function theme() {
  const [text, soft, grid, colours] = [style("text"), style("soft"), style("grid"), style("colours").split(" ")];
  const font = getComputedStyle(document.body).fontFamily;
  vega.scheme("lines", vega.interpolateColors(style("lines").split(" ")));
  return {
    background: "transparent",
    font,
    view: { stroke: null },
    range: { category: colours, heatmap: style("heat").split(" "), ordinal: { scheme: "lines" } },
    mark: { color: colours[0] },
    bar: { cornerRadiusEnd: 2 },
    line: { strokeWidth: 2.5, color: colours[0] },
    point: { color: colours[0] },
    text: { color: text, fontSize: 12 },
    axis: { labelColor: soft, titleColor: soft, gridColor: grid, domainColor: grid, tickColor: grid, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, labelOverlap: true },
    axisY: { domain: false, ticks: false, labelPadding: 6 },
    legend: { labelColor: text, titleColor: soft, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, orient: "top", symbolType: "square", labelLimit: 140, columns: Math.max(2, Math.floor(innerWidth / 180)) },
  };
}

// The same name has the same colour in every chart, and whatever is filtered.
function scales(config) {
  const spare = style("unknown");
  const found = { outcome: { domain: OUTCOMES.slice(0, 3), range: OUTCOMES.slice(0, 3).map(style) } };
  for (const name of ["subcommand", "version"]) {
    const domain = (choices[name] ?? []).map((row) => row.value);
    found[name] = { domain, range: domain.map((_, i) => config.range.category[i] ?? spare) };
  }
  return found;
}

function coloured(spec, fixed, rows) {
  for (const part of [spec, ...(spec.layer ?? [])]) {
    const colour = part.encoding?.color;
    if (colour?.type !== "nominal" || !fixed[colour.field]) continue;
    const { domain, range } = fixed[colour.field];
    // Only those that occur, but for outcomes; and none is left out, be it in no list.
    const here = new Set(rows.map((row) => row[colour.field]));
    const kept = colour.field === "outcome" ? domain : domain.filter((name) => here.has(name));
    const more = colour.field === "outcome" ? [] : [...here].filter((name) => !domain.includes(name));
    colour.scale = { domain: [...kept, ...more], range: [...kept.map((name) => range[domain.indexOf(name)]), ...more.map(() => style("unknown"))] };
  }
}

// Bars are as high as fills a card, but not too high, nor too low to be read.
function heightOf({ height, encoding, transform }, rows) {
  const derived = transform?.some((step) => step.as === encoding.y.field);
  const bars = derived ? rows.length : new Set(rows.map((row) => row[encoding.y.field])).size;
  return Math.max(bars * height.step, Math.min(190, bars * 36));
}

function tooltip(handler, event, item, value) {
  const tip = get("tip");
  tip.hidden = !value || typeof value !== "object";
  if (tip.hidden) return;
  const list = element("dl");
  for (const [name, text] of Object.entries(value)) list.append(element("dt", name), element("dd", String(text)));
  tip.replaceChildren(list);
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8)) + "px";
  tip.style.top = (event.clientY + 18 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 18) + "px";
}

function table(rows) {
  const made = element("table");
  const columns = Object.keys(rows[0]);
  const numeric = new Set(columns.filter((c) => typeof rows[0][c] === "number"));
  const line = (cells) => {
    const row = element("tr");
    row.append(...cells);
    return row;
  };
  const cell = (kind, column, text) => element(kind, text, ...(numeric.has(column) ? ["number"] : []));
  const head = element("thead");
  head.append(line(columns.map((c) => Object.assign(cell("th", c, words(c)), { scope: "col" }))));
  const body = element("tbody");
  body.append(...rows.map((row) => line(columns.map((c) => cell("td", c, show(row[c]))))));
  made.append(head, body);
  return made;
}

function card({ name, spec }) {
  const made = element("section", undefined, "card", ...(spec.usermeta.size ? [spec.usermeta.size] : []));
  made.id = "chart-" + name;
  const title = element("h2", spec.title);
  title.id = "title-" + name;
  made.setAttribute("aria-labelledby", title.id);
  const chart = element("div", undefined, "chart", "loading");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-label", `${spec.title}. ${spec.description} The numbers are in the table below.`);
  const details = element("details");
  const inside = element("div", undefined, "scroll");
  inside.tabIndex = 0;
  inside.setAttribute("role", "region");
  inside.setAttribute("aria-label", `${spec.title}, as a table`);
  details.append(element("summary", "As a table"), inside);
  details.addEventListener("toggle", () => details.open && inside.replaceChildren(table(latest.get(name))));
  made.append(title, element("p", spec.description), chart, details);
  return made;
}

async function draw({ name, spec }, rows) {
  const section = get("chart-" + name);
  const chart = section.querySelector(".chart");
  const details = section.querySelector("details");
  latest.set(name, rows);
  chart.view?.finalize();
  chart.classList.remove("loading");
  details.hidden = !rows.length;
  if (!rows.length) {
    details.open = false;
    chart.replaceChildren(element("p", "No runs here.", "empty"));
    return;
  }
  if (details.open) details.querySelector(".scroll").replaceChildren(table(rows));
  const { title, description, usermeta, ...bare } = structuredClone(spec);
  const config = theme();
  if (bare.height.step) bare.height = heightOf(bare, rows);
  coloured(bare, scales(config), rows);
  const whole = { ...bare, data: { values: rows }, width: "container", autosize: { type: "fit-x", contains: "padding" }, config };
  const { spec: compiled } = vegaLite.compile(whole, { logger: vega.logger(vega.Error) });
  chart.style.minHeight = chart.offsetHeight + "px"; // what is below stays where it is
  chart.replaceChildren();
  const view = new vega.View(vega.parse(compiled, null, { ast: true }), { container: chart, renderer: "svg", hover: true, expr: expressionInterpreter, tooltip, logLevel: vega.Error });
  chart.view = view;
  await view.runAsync();
  chart.style.minHeight = "";
  // The chart has a name, and a table: its parts need none.
  chart.firstElementChild?.setAttribute("aria-hidden", "true");
}

// ---- totals

function tile(label, value, of) {
  const made = element("div");
  made.append(element("dt", label), element("dd", value), element("dd", of, "of"));
  made.dataset.total = label;
  return made;
}

function totals([sum], versions) {
  if (!sum || !sum.runs) return get("totals").replaceChildren(tile("Runs", "0", "in this time"));
  const tiles = [tile("Runs", number(sum.runs), sum.days ? "in this time" : `in ${sum.weeks} whole ${sum.weeks === 1 ? "week" : "weeks"}`)];
  if (sum.days) {
    const each = sum.runs / sum.days;
    const daily = each.toLocaleString("en", { maximumFractionDigits: each < 10 ? 1 : 0 });
    tiles.push(
      tile("Runs a day", daily, `on ${sum.days} ${sum.days === 1 ? "day" : "days"} with runs`),
      tile("Versions in use", number(new Set(versions.map((row) => row.version)).size), "of the program"),
      tile("Environments", number(sum.environments), "systems, not people"),
      tile("Failed", percent(sum.failed, sum.runs), `${number(sum.failed)} of ${number(sum.runs)} runs`),
      tile("Aborted", percent(sum.aborted_runs, sum.runs), `${number(sum.aborted_runs)} of ${number(sum.runs)} runs`),
    );
  }
  get("totals").replaceChildren(...tiles);
}

// ---- single runs

async function runs(mine = turn) {
  const rows = await ask("runs", { ...filters(), page });
  if (mine !== turn) return;
  const [place, more] = [get("runs").querySelector("table"), rows.length > 25];
  rows.splice(25);
  get("older").disabled = !more;
  get("newer").disabled = page === 0;
  get("page").textContent = `Page ${page + 1}`;
  if (!rows.length) return place.replaceChildren(element("caption", "No runs here."));
  const made = table(rows.map(({ span_id, ...row }) => row));
  made.tHead.rows[0].append(element("td"));
  [...made.tBodies[0].rows].forEach((line, i) => {
    const at = Object.keys(rows[i]).indexOf("outcome");
    if (at >= 0) line.cells[at].classList.add("outcome", ...(OUTCOMES.includes(rows[i].outcome) ? [rows[i].outcome] : []));
    const button = element("button", "All fields");
    button.addEventListener("click", () => guard(one(rows[i].span_id)));
    const cell = element("td");
    cell.append(button);
    line.append(cell);
  });
  place.replaceChildren(...made.children);
}

async function one(span_id) {
  const [run] = await ask("run", { span_id });
  const list = element("dl");
  for (const [name, value] of Object.entries(run ?? {}).sort()) {
    if (value !== null && String(value) !== "") list.append(element("dt", name), element("dd", String(value)));
  }
  get("run").querySelector("dl").replaceWith(list);
  get("run").showModal();
}

// ---- all of it

async function all(quiet = false) {
  const began = Date.now();
  try {
    await everything(quiet);
  } finally {
    rest = Date.now() + 10 * (Date.now() - began);
  }
}

async function everything(quiet) {
  const mine = ++turn;
  const asked = form.hidden ? {} : filters();
  document.body.dataset.state = "loading";
  get("notice").hidden = true;
  if (!quiet) for (const chart of document.querySelectorAll(".chart")) chart.classList.add("loading");
  if (asked.from || asked.to) {
    const text = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
    get("window").textContent = asked.from && asked.to ? `${text(asked.from)} to ${text(asked.to)} UTC` : "";
  }
  if (!form.hidden) taken = JSON.stringify(await ask("taken"));
  const found = new Map();
  const sums = ask("totals", asked);
  await Promise.all(
    charts.map(async (chart) => {
      const rows = await ask(chart.name, asked);
      found.set(chart.name, rows);
      if (mine === turn) await draw(chart, rows);
    }),
  );
  const sum = await sums;
  if (mine !== turn) return;
  totals(sum, found.get("versions") ?? []);
  if (!get("runs").hidden) await runs(mine);
  if (mine === turn) document.body.dataset.state = "ready";
}

// New runs are shown as they come, but not under somebody's hands; and the longer that takes, the less often.
async function refresh() {
  if (document.hidden || document.body.dataset.state === "loading" || !get("tip").hidden || get("run").open || page > 0 || Date.now() < rest) return;
  const mine = turn;
  const now = JSON.stringify(await ask("taken"));
  if (mine === turn && (now !== taken || document.body.dataset.state === "failed")) await all(true);
}

async function guard(work) {
  try {
    await work;
  } catch (error) {
    if (error instanceof LoggedOut) return location.assign("login");
    get("notice").textContent = `This could not be shown: ${error.message}`;
    get("notice").hidden = false;
    document.body.dataset.state = "failed";
    console.error(error);
  }
}

async function start() {
  const said = await ask("charts");
  charts = said.charts;
  get("charts").replaceChildren(...charts.map(card));
  if (said.public) {
    document.title = get("window").textContent = "Public counts of whole weeks, rounded down to tens; small groups are in other";
  } else {
    fill(await ask("choices", { from: utc(Date.now() - 60 * DAY), to: utc(Date.now()) }));
    form.hidden = get("runs").hidden = get("logout").hidden = false;
    fromAddress();
    setInterval(() => guard(refresh()), 10000);
    document.addEventListener("visibilitychange", () => guard(refresh()));
  }
  await all();
}

form.addEventListener("change", () => {
  page = 0;
  days();
  toAddress();
  guard(all());
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(() => form.dispatchEvent(new Event("change"))));
for (const [id, step] of [["newer", -1], ["older", 1]]) {
  get(id).addEventListener("click", () => {
    page += step;
    guard(runs());
  });
}
addEventListener("hashchange", () => {
  fromAddress();
  guard(all());
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) if (latest.has(chart.name)) guard(draw(chart, latest.get(chart.name)));
});
guard(start());
