// SPDX-License-Identifier: MIT
// A chart of many small ones, and the files that a reader can keep of a chart: its rows, and a picture.

const GAP = 20; // between small charts

// As many small charts side by side as the card has room for: each at least so wide, room for its labels among it.
export function facets(spec, width, { least, room }) {
  const columns = Math.max(1, Math.floor(width / least));
  const each = { width: Math.floor((width - (columns - 1) * GAP) / columns) - room };
  if (spec.spec) return { ...spec, columns, spec: { ...spec.spec, ...each } };
  return { ...spec, ...each, encoding: { ...spec.encoding, facet: { ...spec.encoding.facet, columns } } };
}

// A spreadsheet calculates a cell that begins with one of these: with an apostrophe it is text.
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r]/;

function cell(value) {
  if (typeof value === "number" || value === null || value === undefined) return String(value ?? "");
  const text = Array.isArray(value) ? value.join(" ") : String(value);
  const safe = FORMULA.test(text) ? "'" + text : text;
  return /[",;\r\n\t]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
}

// RFC 4180.
export function csv(rows) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const lines = [columns.map(cell), ...rows.map((row) => columns.map((column) => cell(row[column])))];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const NO_XML = /[\0-\b\v\f\x0e-\x1f\ufffe\uffff]/g;

const MAKE = {
  csv: async ({ rows }) => new Blob([csv(rows())], { type: "text/csv;charset=utf-8" }),
  svg: async ({ view }) => new Blob([(await view().toSVG()).replace(NO_XML, "\ufffd")], { type: "image/svg+xml" }),
  png: async ({ view }) => new Promise((done) => view().toCanvas(2).then((canvas) => canvas.toBlob(done, "image/png"))),
};

// The buttons. of.rows() are the chart's rows, and of.view() is a Vega view of it, for paper.
export function downloads(title, name, of, guard) {
  const made = document.createElement("p");
  made.classList.add("downloads");
  for (const kind of Object.keys(MAKE)) {
    const button = document.createElement("button");
    button.textContent = kind.toUpperCase();
    button.setAttribute("aria-label", `${title}: download as ${kind.toUpperCase()}`);
    button.addEventListener("click", () => {
      guard(MAKE[kind](of).then((blob) => save(blob, `${name}-${new Date().toISOString().slice(0, 10)}.${kind}`)));
    });
    made.append(button);
  }
  return made;
}
