const LANE = 19, TOP = 22, RIGHT = 12;
let mode = Object.keys(data.runs)[0];
let drawnWidth = 0;

const step = total => [5, 10, 15, 30, 60, 120, 240, 480].find(size => total / size <= 10) ?? 960;
const laneLines = () => {
  const lines = new Map();
  for (const bar of all(".bar")) lines.set(bar.lane, [...lines.get(bar.lane) ?? [], bar]);
  return [...lines.values()];
};
const draw = (width = Math.max($("run").clientWidth - 34, 600)) => {
  const run = data.runs[mode];
  const svg = $("timeline");
  drawnWidth = width;
  // The machines of one's own first: they are few, and often what everything waits for.
  const lanes = [...new Set(run.slots.map(slot => slot[3]))].sort((a, b) => (b >= 10000) - (a >= 10000) || a - b);
  const left = 16 + 6.6 * Math.max(8, ...lanes.map(lane => run.lanes[lane].length));
  const scale = (width - left - RIGHT) / Math.max(run.makespan, 1);
  const height = TOP + lanes.length * LANE + 4;
  const chain = new Set(run.chain);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const done = `done ${time(run.makespan)}`, last = left + run.makespan * scale;
  for (let at = 0; at <= run.makespan; at += step(run.makespan)) {
    const x = left + at * scale;
    svg.append(drawing("line", { x1: x, x2: x, y1: TOP - 6, y2: height }));
    if (x < last - 150) svg.append(drawing("text", { x: x + 3, y: 12 }, time(at)));
  }
  lanes.forEach((lane, index) => svg.append(drawing("text",
    { x: 0, y: TOP + index * LANE + 13, class: lane >= 10000 ? "lane own" : "lane" }, run.lanes[lane])));
  // In the order of the drawing: so they are walked by keys, and read aloud.
  const ordered = run.slots.toSorted((a, b) => lanes.indexOf(a[3]) - lanes.indexOf(b[3]) || a[1] - b[1]);
  for (const [number, start, end, lane] of ordered) {
    const job = run.jobs[number];
    const x = left + start * scale, y = TOP + lanes.indexOf(lane) * LANE, width = Math.max((end - start) * scale, 1.5);
    svg.append(bar(job, start, end, lane, x, y, width));
    if (chain.has(number)) svg.append(drawing("rect", { x, y: y + LANE - 3, width, height: 2.5, class: "chain" }));
  }
  if (run.slots.length) svg.append(
    drawing("line", { x1: last, x2: last, y1: TOP - 6, y2: height, class: "end" }),
    drawing("text", { x: last, y: 12, class: "end", "text-anchor": "end" }, done));
  rove(all(".bar"));
};
const bar = (job, start, end, lane, x, y, width) => {
  const label = `${job.name} on ${job.runner}: ${time(start)} to ${time(end)}`;
  const made = drawing("g", { class: "bar", role: "button", tabindex: -1, "aria-label": label },
    drawing("title", {}, label),
    drawing("rect", { x: x + .5, y, width: Math.max(width - 1, 1), height: LANE - 3, rx: 2.5 }));
  // A leg of the server image has no cell.
  const first = job.entries[0];
  made.dataset.kind = cellOf.get(first)?.dataset.kind ?? data.entries[first].kind;
  // How long a job takes its length says; the colour tells whether one long build is in it.
  made.dataset.step = stepOf(Math.max(...job.entries.map(id => data.entries[id].minutes)));
  Object.assign(made, { job, lane });
  made.show = () => showJob(job, start, end);
  made.addEventListener("click", made.show);
  if (width >= 72) made.append(drawing("svg", { x, y, width: width - 5, height: LANE - 3 },  // cuts
    drawing("text", { x: 5, y: 12 }, job.name)));
  return made;
};
const tell = () => {
  const run = data.runs[mode];
  $("run-text").textContent = `${run.text}; simulated, each line is a runner`;
  for (const button of $("modes").children) button.setAttribute("aria-pressed", button.value === mode);
  const [first, ...others] = run.ends;
  $("ends").replaceChildren(...first ? [element("b", {}, first), ` ${others.join(" ")}`] : ["Nothing runs."]);
  $("pools").replaceChildren();
  if (run.pools.length) {
    const head = ["Runners", "Jobs", "Work", "Least possible", "Over after"];
    $("pools").append(element("thead", {}, element("tr", {}, ...head.map((text, at) => element("th", { scope: "col", className: at ? "number" : "" }, text)))),
      element("tbody", {}, ...run.pools.map(row => element("tr", {}, ...row.map((text, at) => element("td", { className: at ? "number" : "" }, text))))));
  }
  const parts = [];
  for (let start = 0; start < run.jobs.length; start += data.shard) {
    const jobs = run.jobs.slice(start, start + data.shard);
    parts.push(element("h3", {}, `Shard ${start / data.shard + 1}: jobs ${start + 1} to ${start + jobs.length}`),
      element("table", { className: "list" }, element("tbody", {}, ...jobs.map(job => element("tr", {},
        element("td", {}, job.name), element("td", {}, job.runner), element("td", {}, element("code", {}, job.entries.join(" "))))))));
  }
  $("job-list").replaceChildren(...parts);
};
const setMode = name => {
  mode = name;
  draw();
  tell();
  filter();
};
