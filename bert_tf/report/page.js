"use strict";
// Tables that a reader can sort and filter, with the keyboard too. Without scripts they are tables.

const rowsOf = table => [...table.tBodies[0].rows];

function valueOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number(text);
  return text === "" || Number.isNaN(number) ? text : number;
}

function compare(first, second) {
  if (typeof first === "number" && typeof second === "number") return first - second;
  if (typeof first === "number") return -1;
  if (typeof second === "number") return 1;
  return first.localeCompare(second);
}

function sortBy(table, head) {
  const isDown = head.getAttribute("aria-sort") === "descending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", isDown ? "ascending" : "descending");
  const sign = isDown ? 1 : -1;
  const rows = rowsOf(table).map((row, place) => [valueOf(row, head.cellIndex), place, row]);
  rows.sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]);
  for (const [, , row] of rows) table.tBodies[0].append(row);
}

function filter(form, table) {
  const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = [...form.querySelectorAll("select")].map(one => [Number(one.dataset.column), one.value]);
  let shown = 0;
  for (const row of rowsOf(table)) {
    const text = row.textContent.toLowerCase();
    const fits = words.every(word => text.includes(word)) &&
      wanted.every(([column, value]) => value === "" || row.cells[column].dataset.choice === value);
    row.hidden = !fits;
    shown += fits;
  }
  form.querySelector("output").textContent = `${shown} of ${rowsOf(table).length} shown`;
}

for (const head of document.querySelectorAll("th[aria-sort] button"))
  head.addEventListener("click", () => sortBy(head.closest("table"), head.closest("th")));
for (const form of document.querySelectorAll("form.filter")) {
  const table = document.getElementById(form.dataset.table);
  form.hidden = false;
  for (const event of ["input", "change"]) form.addEventListener(event, () => filter(form, table));
  form.addEventListener("submit", event => event.preventDefault());
  filter(form, table);
}
// On paper everything is unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
