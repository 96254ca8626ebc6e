let file = "";  // only what this changed file builds alone

const matching = () => {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const off = new Set(all("#kinds input:not(:checked)").map(box => box.value));
  const alone = file && new Set(data.files.lists[data.files.of[file]].map(number => ids[number]));
  return cell => {
    const text = `${cell.dataset.id} ${Object.values(data.entries[cell.dataset.id].row).join(" ")}`.toLowerCase();
    return words.every(word => text.includes(word)) && !off.has(cell.dataset.kind)
      && (!alone || alone.has(cell.dataset.id));
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
    const hits = all(".cell:not(.dim)", row);
    row.hidden = !hits.some(cell => !$("only").checked || cell.dataset.kind || cell.dataset.mark || cell.classList.contains("built"));
    rows += !row.hidden;
  }
  $("empty").hidden = rows > 0;
  $("count").textContent = `${planned} to build, of ${shown} shown`;
  for (const bar of all(".bar"))
    bar.classList.toggle("dim", !bar.job.entries.some(id => !cellOf.get(id)?.classList.contains("dim")));
  $("file-filter").hidden = !file;
  $("file-filter").textContent = file && `× ${file.split("/").pop()}`;
  $("file-filter").title = file && `Only what ${file} builds; click to see all`;
  rove(cells.filter(cell => !cell.closest("tr").hidden));
};
const onlyFile = path => {
  file = path;
  filter();
};

// -- colours -----------------------------------------------------------------------------
const colourBy = what => {
  const minutes = what === "minutes";
  document.body.classList.toggle("by-minutes", minutes);
  $("steps").hidden = !minutes;
  for (const button of $("colours").children) button.setAttribute("aria-pressed", button.value === what);
  for (const cell of cells) {
    const { kind } = cell.dataset;
    const shown = minutes ? cell.dataset.minutes : data.letters[kind] ?? kind[0]?.toUpperCase();
    // Its name says the same in words: what is drawn is for the eye alone.
    cell.replaceChildren(...kind ? [element("span", { ariaHidden: "true" }, shown)] : []);
  }
  for (const swatch of all("#kinds .swatch")) swatch.hidden = minutes && swatch.parentElement.matches("label");
};
const legend = () => {
  ["< 10", "10–19", "20–44", "45–89", "≥ 90"].forEach((text, index) => {
    const swatch = element("i", { className: "swatch" });
    swatch.dataset.kind = swatch.dataset.step = index + 1;
    $("steps").append(element("span", {}, swatch, text));
  });
  for (const cell of cells) if (cell.dataset.kind) cell.dataset.step = stepOf(+cell.dataset.minutes);
};
