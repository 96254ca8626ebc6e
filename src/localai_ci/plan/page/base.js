const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const cells = all(".cell");
const cellOf = new Map(cells.map(cell => [cell.dataset.id, cell]));
const ids = Object.keys(data.entries);

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
const time = minutes => {
  const whole = Math.round(minutes);
  return whole < 60 ? `${whole} min` : `${Math.floor(whole / 60)} h ${String(whole % 60).padStart(2, "0")} min`;
};
const many = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

// How long something takes, in five steps: colours for the eye, figures for certainty.
const BOUNDS = [10, 20, 45, 90];
const stepOf = minutes => 1 + BOUNDS.filter(bound => minutes >= bound).length;
