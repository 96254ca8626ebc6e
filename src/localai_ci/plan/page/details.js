const fields = pairs => {
  const list = element("dl", { className: "fields" });
  for (const [name, value] of pairs)
    list.append(element("dt", {}, name), element("dd", {}, element("code", {}, value || "–")));
  return list;
};
const show = (title, ...parts) => $("details").replaceChildren(title, ...parts);
const title = text => element("p", { className: "id" }, text);

const choose = chosen => {
  const wanted = new Set(chosen);
  for (const cell of cells) cell.classList.toggle("chosen", wanted.has(cell.dataset.id));
  for (const bar of all(".bar")) bar.classList.toggle("chosen", bar.job.entries.some(id => wanted.has(id)));
};
const reasonsOf = entry => {
  const why = element("ul");
  for (const number of entry.why) why.append(element("li", {}, data.reasons[number]));
  return why;
};
const showEntry = id => {
  const entry = data.entries[id];
  const state = entry.built
    ? [element("p", {}, "Exists already and is only tagged: ", element("code", {}, entry.built))]
    : entry.why.length ? [element("h3", {}, "Built because"), reasonsOf(entry)]
    : [element("p", { className: "quiet" }, "In the matrix, and not built: no changed path is an input of it.")];
  show(title(id),
    element("p", { className: "quiet" }, `about ${time(entry.minutes)} to build`),
    ...state,
    element("h3", {}, "Row"), fields(Object.entries(entry.row)),
    element("h3", {}, "Names"), fields(Object.entries(entry.names)),
    ...entry.row.dockerfile ? [element("h3", {}, "On your machine"),
      element("code", {}, `dagger call backend --source . --entry ${id} image`)] : [],
  );
  choose([id]);
};
const entryLinks = entries => {
  const list = element("ul", { className: "links" });
  for (const id of entries) {
    const link = element("button", { type: "button", className: "linkish" }, id);
    link.addEventListener("click", () => showEntry(id));
    list.append(element("li", {}, link, element("span", { className: "quiet" }, ` ${time(data.entries[id].minutes)}`)));
  }
  return list;
};
const showJob = (job, start, end) => {
  show(title(job.name),
    element("p", { className: "quiet" }, `on ${job.runner}: ${start ? `waits ${time(start)}` : "starts at once"}, takes ${time(end - start)}`),
    element("h3", {}, many(job.entries.length, "image")), entryLinks(job.entries));
  choose(job.entries);
};
const showReasons = () => {
  const counts = data.reasons.map(() => 0);
  for (const entry of Object.values(data.entries)) for (const number of entry.why) counts[number]++;
  const order = counts.map((_, number) => number).sort((a, b) => counts[b] - counts[a]);
  const list = element("ul");
  for (const number of order.slice(0, 20))
    list.append(element("li", {}, element("b", {}, many(counts[number], "image")), ": ", data.reasons[number]));
  if (order.length > 20) list.append(element("li", { className: "quiet" }, `and ${order.length - 20} more reasons`));
  show(element("h2", {}, "Why"),
    element("p", { className: "quiet" }, order.length ? "Choose an image or a bar of the run for its own." : "Nothing is built."), list);
  choose([]);
};
