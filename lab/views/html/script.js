"use strict";
// Filter, order and chosen row of the tables. All of it stands in the address behind #, so that a link shows the same.
document.documentElement.classList.add("js");
const tables = [...document.querySelectorAll("table.board")];
const rows = tables.flatMap((table) => [...table.tBodies[0].rows]);
const chips = [...document.querySelectorAll(".chip")];
const search = document.getElementById("filter");
const shown = document.getElementById("shown");
const state = new URLSearchParams(location.hash.slice(1));

function keepState(name, value) {
  if (value) state.set(name, value); else state.delete(name);
  const hash = state.toString();
  history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
}

function pressed(chip) {
  return chip.getAttribute("aria-pressed") === "true";
}

function filterRows() {
  const wanted = chips.filter(pressed).map((chip) => chip.dataset.word);
  const parts = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
  const kept = new Set();
  let count = 0;
  for (const row of rows) {
    const words = row.dataset.words.split("|"), text = row.textContent.toLowerCase();
    const named = wanted.length === 0 || wanted.some((word) => words.includes(word));
    row.hidden = !(named && parts.every((part) => text.includes(part)));
    if (row.hidden) continue;
    count += 1;
    kept.add(row.dataset.row);
  }
  const filtered = wanted.length > 0 || parts.length > 0;
  if (shown) shown.textContent = filtered ? count + " of " + rows.length + " rows" : "";
  openGroups(filtered);
  filterCharts(filtered ? kept : null);
}

// A folded table is opened where the filter leaves something in it, and closed again without a filter.
function openGroups(filtered) {
  for (const table of tables) table.parentNode.hidden = filtered && [...table.tBodies[0].rows].every((row) => row.hidden);
  for (const group of document.querySelectorAll("details.group")) {
    const some = [...group.querySelectorAll("tbody tr")].some((row) => !row.hidden);
    group.hidden = !some;
    if (filtered && some && !group.open) { group.open = true; group.dataset.filtered = ""; }
    if (!filtered && "filtered" in group.dataset) { group.open = false; delete group.dataset.filtered; }
  }
}

function filterCharts(kept) {
  const isOut = (element) => kept !== null && "row" in element.dataset && !kept.has(element.dataset.row);
  for (const figure of document.querySelectorAll(".charts figure")) {
    const parts = [...figure.querySelectorAll(".legend button, .bars tr")];
    for (const part of parts) {
      const out = isOut(part), item = part.closest("li") || part;
      item.hidden = out;
      const line = part.dataset.series && figure.querySelector('.series[data-series="' + part.dataset.series + '"]');
      if (line) line.classList.toggle("out", out);
    }
    figure.hidden = isOut(figure) || (parts.length > 0 && parts.every((part) => (part.closest("li") || part).hidden));
  }
  for (const section of document.querySelectorAll(".charts")) {
    section.hidden = [...section.querySelectorAll("figure")].every((figure) => figure.hidden);
  }
}

function compare(a, b) {
  const x = a.dataset.sort, y = b.dataset.sort;
  if (x && y) return Number(x) - Number(y);
  return a.textContent.localeCompare(b.textContent, "en", { numeric: true });
}

function sortRows(column, down) {
  for (const table of tables) {
    const body = table.tBodies[0], mine = [...body.rows], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      if (place === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const numbers = mine.some((row) => row.cells[column].dataset.sort);
    const full = (row) => numbers ? Boolean(row.cells[column].dataset.sort) : !["", "–"].includes(row.cells[column].textContent);
    mine.sort((a, b) => Number(full(b)) - Number(full(a)) || compare(a.cells[column], b.cells[column]) * (down ? -1 : 1));
    body.append(...mine);
  }
}

function chooseRow(chosen) {
  for (const row of rows) row.classList.toggle("chosen", row === chosen);
}

function rowName(row) {
  return [...row.children].slice(0, Number(row.closest("table").dataset.names)).map((cell) => cell.textContent).join(" ");
}

function showState() {
  for (const chip of chips) chip.setAttribute("aria-pressed", String(state.getAll("word").includes(chip.dataset.word)));
  if (search) search.value = state.get("q") || "";
  const [column, way] = (state.get("sort") || "").split("-");
  if (tables.length && column && Number(column) < tables[0].tHead.rows[0].cells.length) sortRows(Number(column), way === "down");
  filterRows();
  const chosen = state.get("row") && rows.find((row) => rowName(row) === state.get("row"));
  chooseRow(chosen || null);
  if (!chosen) return;
  const group = chosen.closest("details.group");
  if (group) group.open = true;
  chosen.scrollIntoView({ block: "center" });
}

for (const chip of chips) {
  chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(!pressed(chip)));
    state.delete("word");
    for (const one of chips.filter(pressed)) state.append("word", one.dataset.word);
    keepState("q", search ? search.value : "");
    filterRows();
  });
}

if (search) search.addEventListener("input", () => { keepState("q", search.value); filterRows(); });

for (const button of document.querySelectorAll("table.board thead button")) {
  button.addEventListener("click", () => {
    const column = Number(button.dataset.column);
    const down = button.closest("th").getAttribute("aria-sort") === "ascending";
    sortRows(column, down);
    keepState("sort", column + (down ? "-down" : ""));
  });
}

for (const row of rows) {
  row.addEventListener("click", (event) => {
    if (event.target.closest("a, button, summary")) return;
    const chosen = !row.classList.contains("chosen");
    chooseRow(chosen ? row : null);
    keepState("row", chosen ? rowName(row) : "");
  });
}

function moveChoice(table, by) {
  const mine = [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const place = mine.findIndex((row) => row.classList.contains("chosen"));
  const row = mine[Math.max(0, Math.min(place + by, mine.length - 1))];
  if (!row) return;
  chooseRow(row);
  keepState("row", rowName(row));
  row.scrollIntoView({ block: "nearest" });
}

for (const table of tables) {
  table.parentNode.addEventListener("keydown", (event) => {
    if (event.target !== table.parentNode || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    moveChoice(table, event.key === "ArrowDown" ? 1 : -1);
  });
}

addEventListener("hashchange", () => {
  const now = new URLSearchParams(location.hash.slice(1));
  for (const name of [...state.keys()]) state.delete(name);
  for (const [name, value] of now) state.append(name, value);
  showState();
});

let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const one of closed) one.open = true;
});
addEventListener("afterprint", () => { for (const one of closed) one.open = false; });

showState();
