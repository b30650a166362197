// SPDX-License-Identifier: MIT
// The page: asks the server, and draws the charts that it is given. Text from the store is only ever set as text.
import { expressionInterpreter } from "./vega-interpreter.js"; // evaluates without eval, which the page's policy forbids
import { fit, onPaper, remember, theme } from "./look.js";
import { downloads, facets } from "./pictures.js";

const get = (id) => document.getElementById(id);
const form = get("filters");
const DAY = 86400000;
const OUTCOMES = ["ok", "failed", "aborted", "unknown"];
let page = 0; // of the single runs
let turn = 0; // of drawing: an answer to an older one is thrown away
let taken = ""; // how many rows the store had taken when it was asked for what is shown
let rest = 0; // until then nothing is drawn of its own accord
let charts = [];
let programs = [];
let time = {}; // that is shown: from and to, in milliseconds since 1970
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
    const to = last.value && last.validity.valid ? Date.parse(last.value) + DAY : Date.now();
    found.to = utc(to);
    found.from = utc(first.value && first.validity.valid ? Date.parse(first.value) : to - 30 * DAY);
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

// A click on a bar: shows what is in it. Development versions that are one bar are each by themselves then.
function choose(name, value) {
  const field = form.elements[name];
  if (!value || value === "unknown" || field.value === value) return;
  if (![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
  field.value = value;
  form.dispatchEvent(new Event("change"));
}

function days() {
  for (const label of form.querySelectorAll(".day")) label.hidden = form.elements.time.value !== "days";
}

function fill(rows) {
  for (const name of ["service", "subcommand", "version"]) {
    const values = rows.filter((row) => row.filter === name).map((row) => row.value);
    if (name !== "service") remember(name, values);
    form.elements[name].replaceChildren(new Option("All", ""), ...values.map((value) => new Option(value, value)));
  }
}

// ---- charts

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
  const files = downloads(spec.title, name, { rows: () => latest.get(name), view: () => picture({ name, spec }) }, guard);
  made.append(title, element("p", spec.description), chart, details, files);
  return made;
}

// The chart for Vega, as wide as its card.
function compiled({ spec }, rows, pixels, more = {}) {
  const { title, description, usermeta, ...bare } = structuredClone(spec);
  const values = fit(bare, usermeta, rows, time, pixels);
  const wide = { ...bare, width: pixels, autosize: { type: "fit-x", contains: "padding" } };
  const sized = usermeta.facet ? facets(bare, pixels, usermeta.facet) : wide;
  const { spec: found } = vegaLite.compile({ ...sized, data: { values }, config: theme(), ...more }, { logger: vega.logger(vega.Error) });
  return vega.parse(found, null, { ast: true });
}

// The chart for a report: with its title, on white, and in the light colours.
function picture({ name, spec }) {
  const subtitle = spec.usermeta.kept || form.hidden ? "" : get("window").textContent;
  const more = { title: { text: spec.title, subtitle, anchor: "start", offset: 12 }, background: "white", padding: 12 };
  const parsed = onPaper(() => compiled({ spec }, latest.get(name), 900, more));
  return new vega.View(parsed, { renderer: "none", expr: expressionInterpreter, logLevel: vega.Error });
}

async function draw({ name, spec }, rows) {
  const section = get("chart-" + name);
  const chart = section.querySelector(".chart");
  const details = section.querySelector("details");
  latest.set(name, rows);
  chart.view?.finalize();
  chart.classList.remove("loading");
  details.hidden = section.querySelector(".downloads").hidden = !rows.length;
  if (!rows.length) {
    details.open = false;
    const none = spec.usermeta.kept ? `No whole ${spec.usermeta.kept} here.` : "No runs here.";
    chart.replaceChildren(element("p", none, "empty"));
    return;
  }
  if (details.open) details.querySelector(".scroll").replaceChildren(table(rows));
  try {
    await paint({ spec }, rows, chart);
  } catch (error) {
    // The other charts, and this one's table, are there all the same.
    chart.replaceChildren(element("p", `This chart could not be drawn: ${error.message}`, "empty"));
    console.error(error);
  }
}

async function paint({ spec }, rows, chart) {
  const parsed = compiled({ spec }, rows, chart.clientWidth);
  chart.style.minHeight = chart.offsetHeight + "px"; // what is below stays where it is
  chart.replaceChildren();
  const view = new vega.View(parsed, { container: chart, renderer: "svg", hover: true, expr: expressionInterpreter, tooltip, logLevel: vega.Error });
  chart.view = view;
  chart.drawn = chart.clientWidth;
  if (spec.usermeta.filter && !form.hidden) {
    chart.classList.add("opens");
    view.addEventListener("click", (event, item) => choose(spec.usermeta.filter, item?.datum?.[spec.usermeta.filter]));
  }
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
    // Not more days than the time has: 24 hours lie on two.
    const days = Math.max(1, Math.min(sum.days, Math.ceil((time.to - time.from) / DAY) || sum.days));
    const each = sum.runs / days;
    const daily = each.toLocaleString("en", { maximumFractionDigits: each < 10 ? 1 : 0 });
    tiles.push(
      tile("Runs a day", daily, days === 1 ? "on one day" : `on ${days} days with runs`),
      ...(versions ? [tile("Versions in use", number(new Set(versions.map((row) => row.version)).size), "of the program")] : []),
      ...(charts.some((chart) => chart.name === "runs_per_week") ? [tile("Environments", number(sum.environments), "systems, not people")] : []),
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
  // What no run here has is no column, and neither is the program where there is only one.
  const some = (column) => column !== "span_id" && (column !== "service" || programs.length > 1) && rows.some((row) => row[column] !== null && row[column] !== "unknown");
  const columns = Object.keys(rows[0]).filter(some);
  const made = table(rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]]))));
  made.tHead.rows[0].append(element("td"));
  [...made.tBodies[0].rows].forEach((line, i) => {
    const at = columns.indexOf("outcome");
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
  const began = Date.now();
  const asked = form.hidden ? {} : filters();
  document.body.dataset.state = "loading";
  get("notice").hidden = true;
  if (!quiet) for (const chart of document.querySelectorAll(".chart")) chart.classList.add("loading");
  if (asked.from || asked.to) {
    const text = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
    get("window").textContent = asked.from && asked.to ? `${text(asked.from)} to ${text(asked.to)} UTC` : "";
  }
  if (!form.hidden) {
    taken = JSON.stringify(await ask("taken"));
    const none = taken === '[{"rows":0}]';
    get("first").hidden = !none;
    for (const id of ["totals", "charts", "left", "runs"]) get(id).hidden = none;
  }
  // No axis is longer than the store's time.
  time = { from: Math.max(Date.parse(asked.from), began - 60 * DAY) || undefined, to: Math.min(Date.parse(asked.to), began) || undefined };
  const found = new Map();
  const sums = ask("totals", asked);
  let fresh = false;
  await Promise.all(
    charts.map(async (chart) => {
      const rows = await ask(chart.name, asked);
      found.set(chart.name, rows);
      if (remember("version", rows.flatMap((row) => row.version ?? []))) fresh = true;
      if (mine === turn) await draw(chart, rows);
    }),
  );
  const sum = await sums;
  if (mine !== turn) return;
  if (fresh) again(); // a version that was not known takes its place among the others' colours
  totals(sum, found.get("versions"));
  if (form.hidden) get("first").hidden = sum.some((one) => one.runs);
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
  ({ charts, programs } = said);
  document.title = document.querySelector("h1").textContent = said.title;
  const endpoint = Object.assign(new URL("/v1/traces", location), { port: 4319, hash: "" });
  get("endpoint").textContent = `export RUNSPAN_ENDPOINT=${endpoint}`;
  get("left").textContent = said.left_out.length ? "Left out, because no schema has the fields: " + said.left_out.map(({ title, lacks }) => `${title} (${lacks.map((need) => [need].flat().join(" or ")).join(", ")})`).join("; ") + "." : "";
  get("charts").replaceChildren(...charts.map(card));
  if (said.public) {
    for (const part of get("first").querySelectorAll("[data-public]")) part.hidden = !part.hidden;
    get("window").textContent = "Public counts of whole weeks, rounded down to tens; small groups are in other";
  } else {
    fill(await ask("choices", { from: utc(Date.now() - 60 * DAY), to: utc(Date.now()) }));
    form.hidden = get("runs").hidden = get("logout").hidden = false;
    fromAddress();
    setInterval(() => guard(refresh()), 10000);
    document.addEventListener("visibilitychange", () => guard(refresh()));
  }
  await all();
}

let typing; // a date comes digit by digit: 0002, 0020, 0202, 2026
form.addEventListener("change", (event) => {
  clearTimeout(typing);
  page = 0;
  days();
  if (!form.checkValidity()) return;
  const show = () => {
    toAddress();
    guard(all());
  };
  typing = setTimeout(show, event.target.type === "date" ? 600 : 0);
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
  page = 0;
  fromAddress();
  guard(all());
});
function again() {
  for (const chart of charts) if (latest.has(chart.name)) guard(draw(chart, latest.get(chart.name)));
}
let sizing;
new ResizeObserver(() => {
  clearTimeout(sizing);
  sizing = setTimeout(() => {
    const other = [...document.querySelectorAll(".chart")].some((chart) => chart.view && Math.abs(chart.drawn - chart.clientWidth) > 2);
    if (other) again();
  }, 100);
}).observe(get("charts"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
guard(start());
