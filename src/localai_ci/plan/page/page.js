"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SHARD = 240;
  const $ = id => document.getElementById(id);
  const cells = [...document.querySelectorAll(".cell")];
  const cellOf = new Map(cells.map(cell => [cell.dataset.id, cell]));
  let mode = "as planned";

  // All text reaches the page as text: paths of a pull request are not to be trusted.
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const drawing = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const time = minutes => minutes < 60 ? `${Math.round(minutes)} min`
    : `${Math.floor(Math.round(minutes) / 60)} h ${String(Math.round(minutes) % 60).padStart(2, "0")} min`;
  const fields = pairs => {
    const list = element("dl", { className: "fields" });
    for (const [name, value] of pairs)
      list.append(element("dt", {}, name), element("dd", {}, element("code", {}, value || "–")));
    return list;
  };

  // -- details ---------------------------------------------------------------------------
  const choose = ids => {
    for (const cell of cells) cell.classList.toggle("chosen", ids.includes(cell.dataset.id));
    for (const bar of document.querySelectorAll(".bar"))
      bar.classList.toggle("chosen", bar.entries.some(id => ids.includes(id)));
  };
  const showEntry = id => {
    const entry = data.entries[id];
    const why = element("ul");
    for (const number of entry.why) why.append(element("li", {}, data.reasons[number]));
    const state = entry.built ? [element("p", {}, "Exists already and is only tagged: ", element("code", {}, entry.built))]
      : entry.why.length ? [element("h3", {}, "Built because"), why]
      : [element("p", { className: "quiet" }, "In the matrix, and not built: no changed path is an input of it.")];
    $("details").replaceChildren(
      element("div", { className: "id" }, id),
      element("div", { className: "quiet" }, `about ${entry.minutes} min to build`),
      ...state,
      element("h3", {}, "Row"), fields(Object.entries(entry.row)),
      element("h3", {}, "Names"), fields(Object.entries(entry.names)),
      ...entry.row.dockerfile ? [element("h3", {}, "On your machine"),
        element("code", {}, `dagger call backend --source . --entry ${id} image`)] : [],
    );
    choose([id]);
  };
  const showJob = (job, start, end) => {
    const list = element("ul", { className: "links" });
    for (const id of job.entries) {
      const link = element("button", { type: "button" }, id);
      link.addEventListener("click", () => showEntry(id));
      list.append(element("li", {}, link, ` ${data.entries[id].minutes} min`));
    }
    $("details").replaceChildren(
      element("div", { className: "id" }, job.name),
      element("div", { className: "quiet" }, `on ${job.runner}: waits ${time(start)}, takes ${time(end - start)}`),
      element("h3", {}, `${job.entries.length} ${job.entries.length === 1 ? "entry" : "entries"}`), list,
    );
    choose(job.entries);
  };
  const showReasons = () => {
    const counts = data.reasons.map(() => 0);
    for (const entry of Object.values(data.entries)) for (const number of entry.why) counts[number]++;
    const order = counts.map((_, number) => number).sort((a, b) => counts[b] - counts[a]);
    const list = element("ul");
    for (const number of order.slice(0, 30))
      list.append(element("li", {}, element("b", {}, `${counts[number]} `), data.reasons[number]));
    $("details").replaceChildren(element("h2", {}, "Why"),
      element("p", { className: "quiet" }, "Entries by reason; click an image or a bar of the run for its own."), list);
  };
  $("grid").addEventListener("click", event => {
    const cell = event.target.closest(".cell");
    if (cell) showEntry(cell.dataset.id);
  });

  // -- filters ---------------------------------------------------------------------------
  const matching = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set([...document.querySelectorAll("#kinds input:not(:checked)")].map(box => box.value));
    return cell => {
      const text = cell.dataset.id + " " + Object.values(data.entries[cell.dataset.id].row).join(" ");
      return words.every(word => text.toLowerCase().includes(word)) && !off.has(cell.dataset.kind);
    };
  };
  const filter = () => {
    const wanted = matching();
    let shown = 0, planned = 0, rows = 0;
    for (const cell of cells) {
      const hit = wanted(cell);
      cell.classList.toggle("dim", !hit);
      shown += hit;
      planned += hit && cell.dataset.kind !== "";
    }
    for (const row of $("grid").tBodies[0].rows) {
      const own = [...row.querySelectorAll(".cell:not(.dim)")];
      row.hidden = !own.some(cell => !$("only").checked || cell.dataset.kind !== "");
      rows += !row.hidden;
    }
    $("empty").hidden = rows > 0;
    $("count").textContent = `${planned} to build, of ${shown} shown`;
    for (const bar of document.querySelectorAll(".bar"))
      bar.classList.toggle("dim", !bar.entries.some(id => !cellOf.get(id).classList.contains("dim")));
  };
  for (const control of [$("search"), $("only"), ...document.querySelectorAll("#kinds input")])
    control.addEventListener("input", filter);

  // -- run -------------------------------------------------------------------------------
  const WIDTH = 1500, LANE = 18, LEFT = 78, TOP = 20;
  const step = total => [5, 10, 15, 30, 60, 120, 240, 480].find(size => total / size <= 12) || 960;
  const draw = () => {
    const run = data.runs[mode];
    $("run-text").textContent = run.text;
    for (const button of $("modes").children) button.setAttribute("aria-pressed", button.value === mode);
    const lanes = [...new Set(run.slots.map(slot => slot[3]))].sort((a, b) => a - b);
    const scale = (WIDTH - LEFT - 10) / Math.max(run.makespan, 1);
    const height = TOP + lanes.length * LANE + 6;
    const svg = $("timeline");
    svg.setAttribute("width", WIDTH);
    svg.setAttribute("height", height);
    svg.replaceChildren();
    for (let at = 0; at <= run.makespan; at += step(run.makespan)) {
      const x = LEFT + at * scale;
      svg.append(drawing("line", { x1: x, x2: x, y1: TOP - 4, y2: height }));
      if (x < WIDTH - 60) svg.append(drawing("text", { x: x + 3, y: 12 }, time(at)));
    }
    lanes.forEach((lane, index) => svg.append(drawing("text", { x: 0, y: TOP + index * LANE + 13 },
      lane >= 10000 ? `own ${lane - 9999}` : `runner ${lane + 1}`)));
    for (const [number, start, end, lane] of run.slots) {
      const job = run.jobs[number];
      const x = LEFT + start * scale, y = TOP + lanes.indexOf(lane) * LANE, width = Math.max((end - start) * scale, 1);
      const kind = cellOf.get(job.entries[0]).dataset.kind;
      const label = `${job.name}: ${time(start)} to ${time(end)}`;
      const bar = drawing("rect", { x, y, width, height: LANE - 2, rx: 3, class: `bar ${kind}`, "aria-label": label },
        drawing("title", {}, label));
      bar.entries = job.entries;
      bar.addEventListener("click", () => showJob(job, start, end));
      svg.append(bar);
      const letters = Math.floor((width - 8) / 6);
      if (letters >= 5) {
        const text = job.name.length > letters ? job.name.slice(0, letters - 1) + "…" : job.name;
        svg.append(drawing("text", { x: x + 4, y: y + 12, class: "label" }, text));
      }
    }
    drawJobs(run);
    filter();
  };
  const drawJobs = run => {
    const parts = [];
    for (let first = 0; first < run.jobs.length; first += SHARD) {
      const table = element("table");
      for (const job of run.jobs.slice(first, first + SHARD))
        table.append(element("tr", {}, element("td", {}, job.name), element("td", {}, job.runner),
          element("td", {}, element("code", {}, job.entries.join(" ")))));
      parts.push(element("h3", {}, `Shard ${first / SHARD + 1}: jobs ${first + 1} to ${Math.min(first + SHARD, run.jobs.length)}`), table);
    }
    $("job-list").replaceChildren(...parts);
  };
  for (const name of Object.keys(data.runs)) {
    const button = element("button", { type: "button", value: name }, name);
    button.addEventListener("click", () => { mode = name; draw(); });
    $("modes").append(button);
  }
  showReasons();
  draw();
})();
