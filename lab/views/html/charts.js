// What a pointer, a finger or the arrow keys find in a chart: which session a point is, and a link to its run.
const data = JSON.parse(document.getElementById("data").textContent);

function linesOf(point, name) {
  const run = data.runs[point[0]];
  const when = new Date(run[1] * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
  const lines = [point[3] + (point[4] ? "  (" + point[4] + " from here on)" : ""), "run " + run[0], when];
  if (name) lines.unshift(name);
  if (run[2]) lines.push("commit " + run[2]);
  return lines;
}

function readable(figure) {
  const picture = figure.querySelector(":scope > svg"), cursor = picture.querySelector(".cursor");
  const series = data.charts[Number(figure.dataset.chart)], names = [...figure.querySelectorAll(".legend button")];
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  figure.append(tip);
  let at = null, pinned = false;

  const isShown = (number) => names.length === 0 || (names[number].getAttribute("aria-pressed") === "true" && !names[number].closest("li").hidden);

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
      if (!isShown(number)) return;
      points.forEach((point, place) => {
        const far = (point[1] - x) ** 2 + ((point[2] - y) * 0.6) ** 2;
        if (far < least) { least = far; best = [number, place]; }
      });
    });
    return best;
  }

  function show(found) {
    at = found;
    const point = series[found[0]][found[1]], address = data.runs[point[0]][3];
    const name = names.length > 1 ? names[found[0]].childNodes[1].textContent.trim() : "";
    const parts = linesOf(point, name).map((line) => { const row = document.createElement("div"); row.textContent = line; return row; });
    if (address) {
      const link = document.createElement("a");
      link.href = address;
      link.textContent = "open the run";
      parts.push(link);
    }
    tip.replaceChildren(...parts);
    cursor.setAttribute("cx", point[1]);
    cursor.setAttribute("cy", point[2]);
    cursor.classList.add("on");
    tip.classList.add("on");
    const box = picture.getBoundingClientRect(), scale = box.width / picture.viewBox.baseVal.width;
    const left = box.left - figure.getBoundingClientRect().left + point[1] * scale;
    tip.style.left = Math.max(4, Math.min(left + 12, figure.clientWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = picture.offsetTop + point[2] * scale + 14 + "px";
  }

  function pin(on) {
    pinned = on;
    tip.classList.toggle("pinned", on);
  }

  function hide() {
    cursor.classList.remove("on");
    tip.classList.remove("on");
    pin(false);
  }

  function look(event) {
    const box = picture.getBoundingClientRect(), view = picture.viewBox.baseVal;
    const found = nearest((event.clientX - box.left) / box.width * view.width, (event.clientY - box.top) / box.height * view.height);
    if (found) show(found);
  }

  function step(by) {
    const [number, place] = at || [series.findIndex((points, one) => points.length && isShown(one)), -1];
    if (number < 0) return;
    show([number, Math.max(0, Math.min(place + by, series[number].length - 1))]);
  }

  function otherLine(by) {
    const shownOnes = series.map((_, number) => number).filter(isShown);
    if (!at || !shownOnes.length) return step(1);
    const number = shownOnes[(shownOnes.indexOf(at[0]) + by + shownOnes.length) % shownOnes.length];
    const x = series[at[0]][at[1]][1];
    const far = (place) => Math.abs(series[number][place][1] - x);
    show([number, series[number].reduce((best, _, place) => far(place) < far(best) ? place : best, 0)]);
  }

  const keys = {
    ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => otherLine(1), ArrowUp: () => otherLine(-1),
    Home: () => { at = null; step(1); }, End: () => step(series[at ? at[0] : 0].length), Escape: hide,
    Enter: () => { const link = tip.querySelector("a"); if (link && tip.classList.contains("on")) location.href = link.href; },
  };

  picture.addEventListener("pointermove", (event) => { if (!pinned) look(event); });
  picture.addEventListener("pointerdown", (event) => { look(event); pin(true); });
  figure.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
  picture.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  picture.addEventListener("blur", () => { if (!pinned) hide(); });
}

for (const figure of document.querySelectorAll("figure.history")) readable(figure);
