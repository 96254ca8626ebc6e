$("grid").addEventListener("click", event => {
  const cell = event.target.closest(".cell");
  if (cell) {
    focusOn(cell);
    showEntry(cell.dataset.id);
  }
});
arrows($("grid"), gridLines, null);
arrows($("timeline"), laneLines, item => item.show());
for (const control of [$("search"), $("only"), ...all("#kinds input")]) control.addEventListener("input", filter);
for (const link of all(".by-file")) link.addEventListener("click", () => {
  onlyFile(file === link.dataset.file ? "" : link.dataset.file);
  $("grid-title").scrollIntoView({ block: "nearest" });
});
$("file-filter").addEventListener("click", () => {
  onlyFile("");
  $("search").focus();
});
for (const button of $("colours").children) button.addEventListener("click", () => colourBy(button.value));
for (const name of Object.keys(data.runs)) {
  const button = element("button", { type: "button", value: name }, name);
  button.addEventListener("click", () => setMode(name));
  $("modes").append(button);
}

legend();
colourBy(all("#colours [aria-pressed=true]")[0]?.value ?? "reason");
showReasons();
setMode(mode);

// A matrix with more accelerators than fit scrolls by itself; the page never does.
const fit = () => {
  for (const box of all(".scroll")) {
    box.classList.remove("overflows");
    box.classList.toggle("overflows", box.scrollWidth > box.clientWidth + 1);
  }
};
fit();
addEventListener("resize", () => {
  fit();
  if (Math.abs($("run").clientWidth - 34 - drawnWidth) > 1) {
    draw();
    filter();
  }
});
const folded = all("details:not(.no-print):not([open])");
addEventListener("beforeprint", () => {
  for (const part of folded) part.open = true;
  draw(720);
});
addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
  draw();
  filter();
});
