// One stop of the Tab key for the whole grid, and one for the run: inside, the arrows move.
const rove = members => {
  const current = members.find(member => member.tabIndex === 0) ?? members[0];
  for (const group of new Set(members.map(member => member.closest("#grid, #timeline"))))
    for (const other of all("[tabindex]", group)) other.setAttribute("tabindex", other === current ? 0 : -1);
};
const focusOn = member => {
  for (const other of all('[tabindex="0"]', member.closest("#grid, #timeline"))) other.setAttribute("tabindex", -1);
  member.setAttribute("tabindex", 0);
  member.focus();
};
const middle = item => {
  const box = item.getBoundingClientRect();
  return box.left + box.width / 2;
};
const nearest = (line, item) =>
  line.reduce((best, other) => Math.abs(middle(other) - middle(item)) < Math.abs(middle(best) - middle(item)) ? other : best);

const move = (lines, item, key) => {
  const at = lines.findIndex(line => line.includes(item));
  if (at < 0) return null;
  const line = lines[at], place = line.indexOf(item);
  switch (key) {
    case "ArrowRight": return line[place + 1];
    case "ArrowLeft": return line[place - 1];
    case "Home": return line[0];
    case "End": return line[line.length - 1];
    case "ArrowDown": return lines[at + 1] && nearest(lines[at + 1], item);
    case "ArrowUp": return lines[at - 1] && nearest(lines[at - 1], item);
    default: return null;
  }
};
const arrows = (area, linesOf, activate) => area.addEventListener("keydown", event => {
  const item = event.target.closest(".cell, .bar");
  if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
  const next = move(linesOf(), item, event.key);
  if (next) focusOn(next);
  else if (activate && (event.key === "Enter" || event.key === " ")) activate(item);
  if (next || event.key.startsWith("Arrow") || (activate && event.key === " ")) event.preventDefault();
});
const gridLines = () => [...$("grid").tBodies[0].rows].filter(row => !row.hidden)
  .map(row => all(".cell", row)).filter(line => line.length);

let origin = null;  // where Escape goes back to
document.addEventListener("keydown", event => {
  if (event.key === "/" && !event.target.matches("input")) {
    $("search").focus();
    $("search").select();
    event.preventDefault();
  } else if (event.key === "Escape") {
    if (file) onlyFile("");
    showReasons();
    if (origin?.isConnected) origin.focus();
  }
});
document.addEventListener("focusin", event => {
  if (event.target.matches(".cell, .bar")) origin = event.target;
});
