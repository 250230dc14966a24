"use strict";

/* ---- every image: rows are data, sorted by a click on the head of a column ---- */
(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const { rows, digits } = JSON.parse(document.getElementById("row-data").textContent);
  const heads = [...table.querySelectorAll("th")];
  const more = document.getElementById("all-rows");
  const FIRST = 40;
  let limit = FIRST;

  const text = (cell, column) => {
    if (cell === null) return "-";
    return typeof cell === "string" ? cell : cell.toFixed(digits[column]);
  };
  const fill = () => {
    const body = document.createElement("tbody");
    for (const row of rows.slice(0, limit)) {
      const line = body.insertRow();
      row.forEach((cell, column) => { line.insertCell().textContent = text(cell, column); });
    }
    table.tBodies[0].replaceWith(body);
    more.hidden = rows.length <= limit;
    more.textContent = `show all ${rows.length} images`;
  };
  const sort = (column) => {
    const down = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.sort((a, b) => {
      const [x, y] = [a[column], b[column]];
      if (x === null || y === null) return (x === null) - (y === null); // what has no number comes last
      const order = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
      return down ? -order : order;
    });
    fill();
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => sort(column)));
  more.addEventListener("click", () => { limit = Infinity; fill(); });
  fill();
})();

/* ---- curves: the values under the pointer ---- */
for (const svg of document.querySelectorAll(".chart svg")) {
  const [x0, x1] = JSON.parse(svg.dataset.limits);
  const lines = JSON.parse(svg.dataset.lines);
  const outputs = svg.parentElement.querySelectorAll("output");
  const pointer = svg.querySelector(".pointer");
  const grid = svg.querySelector(".axis");
  const [left, right] = [Number(grid.getAttribute("x1")), Number(grid.getAttribute("x2"))];
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
    const x = x0 + ((at - left) / (right - left)) * (x1 - x0);
    let step = null;
    lines.forEach((line, index) => {
      const [nearestStep, value] = line.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
      step = nearestStep;
      outputs[index].textContent = `${value} at ${Math.round(nearestStep)}`;
    });
    const place = left + ((step - x0) / (x1 - x0)) * (right - left);
    pointer.setAttribute("x1", place);
    pointer.setAttribute("x2", place);
  });
  svg.addEventListener("pointerleave", () => {
    outputs.forEach((output) => { output.textContent = output.dataset.last; });
    pointer.setAttribute("x1", -9);
    pointer.setAttribute("x2", -9);
  });
}

/* ---- in space: one frame, into which the chosen scene is put when it comes into view ---- */
(() => {
  const frame = document.getElementById("cloud");
  if (!frame || !document.createElement("canvas").getContext("webgl2")) return; // the pictures stay, and say why
  document.getElementById("no-webgl").hidden = true;
  document.getElementById("turning").hidden = false;
  document.getElementById("stills").classList.add("paper");
  const scenes = JSON.parse(document.getElementById("scenes").textContent);
  const buttons = [...document.querySelectorAll("[data-scene]")];
  const enter = document.getElementById("enter");
  const show = (index) => {
    buttons.forEach((button, i) => button.classList.toggle("chosen", i === index));
    frame.srcdoc = scenes.before + scenes.data[index] + scenes.after;
  };
  buttons.forEach((button, index) => button.addEventListener("click", () => show(index)));
  enter.addEventListener("click", () => { enter.style.display = "none"; }); // until then the page scrolls over it
  const stage = frame.parentElement;
  stage.addEventListener("pointerleave", () => { enter.style.display = ""; });
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    show(0);
  }).observe(stage);
})();
