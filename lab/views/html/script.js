"use strict";
document.documentElement.classList.add("js");
const data = JSON.parse(document.getElementById("data").textContent);
const body = document.querySelector("#board tbody");
const rows = body ? [...body.rows] : [];
const chips = [...document.querySelectorAll(".chip")];
const search = document.getElementById("filter");
const shown = document.getElementById("shown");

function filterRows() {
  const wanted = chips.filter((chip) => chip.getAttribute("aria-pressed") === "true").map((chip) => chip.dataset.word);
  const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const words = row.dataset.words.split("|");
    const text = row.textContent.toLowerCase();
    const named = wanted.length === 0 || wanted.some((word) => words.includes(word));
    row.hidden = !(named && parts.every((part) => text.includes(part)));
    if (!row.hidden) count += 1;
  }
  shown.textContent = count === rows.length ? "" : count + " of " + rows.length + " rows";
}

for (const chip of chips) {
  chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
    filterRows();
  });
}
search.addEventListener("input", filterRows);

function compare(a, b) {
  const x = a.dataset.sort, y = b.dataset.sort;
  if (x && y) return Number(x) - Number(y);
  return a.textContent.localeCompare(b.textContent, "en", { numeric: true });
}

for (const button of document.querySelectorAll("#board thead button")) {
  button.addEventListener("click", () => {
    const column = Number(button.dataset.column), head = button.closest("th");
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numbers = rows.some((row) => row.cells[column].dataset.sort);
    const full = (row) => numbers ? Boolean(row.cells[column].dataset.sort) : !["", "–"].includes(row.cells[column].textContent);
    const sorted = [...rows].sort((a, b) => Number(full(b)) - Number(full(a)) || compare(a.cells[column], b.cells[column]) * (down ? -1 : 1));
    body.append(...sorted);
  });
}

function tipOf(figure) {
  const tip = document.createElement("div");
  tip.className = "tip";
  figure.append(tip);
  return tip;
}

for (const figure of document.querySelectorAll("figure.history")) {
  const picture = figure.querySelector(":scope > svg"), cursor = picture.querySelector(".cursor");
  const series = data.charts[Number(figure.dataset.chart)], names = [...figure.querySelectorAll(".legend button")];
  const tip = tipOf(figure);

  for (const button of names) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      picture.querySelector('.series[data-series="' + button.dataset.series + '"]').classList.toggle("off", !on);
    });
  }

  function nearest(x, y) {
    let best = null, least = Infinity;
    series.forEach((points, number) => {
      if (names[number].getAttribute("aria-pressed") !== "true") return;
      for (const point of points) {
        const far = (point[1] - x) ** 2 + ((point[2] - y) * 0.6) ** 2;
        if (far < least) { least = far; best = [point, number]; }
      }
    });
    return best;
  }

  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect(), view = picture.viewBox.baseVal;
    const found = nearest((event.clientX - box.left) / box.width * view.width, (event.clientY - box.top) / box.height * view.height);
    if (!found) return;
    const [point, number] = found, run = data.runs[point[0]];
    const name = names[number].childNodes[1].textContent.trim();
    const lines = [name, point[3] + (point[4] ? "  (" + point[4] + " from here on)" : ""), "run " + run[0], new Date(run[1] * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC"];
    if (run[2]) lines.push("commit " + run[2]);
    tip.replaceChildren(...lines.map((line) => { const row = document.createElement("div"); row.textContent = line; return row; }));
    cursor.setAttribute("cx", point[1]);
    cursor.setAttribute("cy", point[2]);
    cursor.classList.add("on");
    tip.classList.add("on");
    const scale = box.width / view.width, left = box.left - figure.getBoundingClientRect().left + point[1] * scale;
    tip.style.left = Math.min(left + 12, figure.clientWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = picture.offsetTop + point[2] * scale + 14 + "px";
  });
  picture.addEventListener("pointerleave", () => { cursor.classList.remove("on"); tip.classList.remove("on"); });
}
