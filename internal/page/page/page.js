// The server draws the page. This script replaces it each second with what the server
// draws then, and shows the values of the plots under the pointer.

const every = Number(document.body.dataset.every ?? 1000), timeout = 5000; // milliseconds
const span = 600; // seconds of the values
const shown = () => Number(document.body.dataset.window); // seconds of a plot

// sync changes an element of the page to equal a new one. Elements that the script
// added stay.
function sync(shown, came) {
  for (const { name, value } of [...came.attributes]) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  for (const { name } of [...shown.attributes]) {
    if (!came.hasAttribute(name)) shown.removeAttribute(name);
  }
  const ours = [...shown.childNodes].filter(node => added.has(node));
  const before = [...shown.childNodes].filter(node => !added.has(node));
  const after = [...came.childNodes];
  after.forEach((node, i) => {
    if (i >= before.length) shown.insertBefore(node, ours[0] ?? null);
    else if (before[i].nodeName !== node.nodeName) before[i].replaceWith(node);
    else if (node.nodeType === Node.ELEMENT_NODE) sync(before[i], node);
    else if (before[i].data !== node.data) before[i].data = node.data;
  });
  before.slice(after.length).forEach(node => node.remove());
}
const added = new WeakSet();

function add(parent, name, attributes) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  added.add(element);
  parent.append(element);
  return element;
}

// The notice is visible, and read out, while the server does not answer.
const notice = add(document.querySelector("header"), "p", { id: "notice", class: "warning", role: "status", hidden: "" });
let answered = Date.now();

async function refresh() {
  try {
    const answer = await fetch(location.pathname + location.search, { cache: "no-store", signal: AbortSignal.timeout(timeout) });
    if (!answer.ok) throw new Error(`the server says ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.body.dataset.build !== document.body.dataset.build) return location.reload();
    document.title = page.title;
    sync(document.body, page.body);
    answered = Date.now();
    notice.hidden = true;
    read();
  } catch (error) {
    const text = `No answer from the server since ${clock(answered)}. The page shows the state of that time. It tries again each second.`;
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = false;
  }
}

let timer;
async function live() {
  clearTimeout(timer);
  if (document.hidden) return;
  await refresh();
  timer = setTimeout(live, every);
}
document.addEventListener("visibilitychange", live);

// The cursor is at the same moment in all plots, in seconds before now; null if there
// is none.
let cursor = null;

function read() {
  for (const plot of document.querySelectorAll(".plot")) {
    plot.querySelector(".cursor") ?? addCursor(plot);
    const line = plot.querySelector(".cursor i");
    line.hidden = cursor === null;
    line.style.left = `${100 * (1 - cursor / (shown() - 1))}%`;
    line.parentElement.setAttribute("aria-valuemin", 1 - shown());
  }
  for (const output of document.querySelectorAll("output")) {
    const text = cursor === null ? output.dataset.now : output.dataset.values === undefined ? when(cursor) : valueAt(output, cursor);
    if (output.textContent !== text) output.textContent = text;
  }
}

function valueAt({ dataset: { values, unit, name = "" } }, seconds) {
  const all = values.split(" ");
  const step = span / all.length;
  const value = all[Math.max(all.length - 1 - Math.floor(seconds / step), 0)];
  return `${name} ${value === "" ? "–" : write(Number(value), unit)}`.trim();
}

const when = seconds => `${clock(document.body.dataset.at - seconds * 1000)}, ${Math.floor(seconds / 60)} min ${seconds % 60} s ago`;
const clock = moment => new Date(Number(moment)).toISOString().slice(11, 19) + " UTC";

function addCursor(plot) {
  const label = plot.querySelector("svg").getAttribute("aria-label");
  const area = add(plot, "div", { class: "cursor", tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": 1 - shown(), "aria-valuemax": 0, "aria-valuenow": 0 });
  area.append(document.createElement("i"));
  const move = seconds => {
    cursor = seconds === null ? null : Math.min(Math.max(Math.round(seconds), 0), shown() - 1);
    read();
    area.setAttribute("aria-valuenow", -cursor);
    const outputs = [...plot.parentElement.querySelectorAll("output")];
    area.setAttribute("aria-valuetext", outputs.map(output => output.textContent).join(", "));
  };
  const point = event => {
    const box = area.getBoundingClientRect();
    move((shown() - 1) * (1 - (event.clientX - box.left) / box.width));
  };
  area.addEventListener("pointermove", point);
  area.addEventListener("pointerdown", point);
  area.addEventListener("pointerleave", () => move(null));
  area.addEventListener("blur", () => move(null));
  area.addEventListener("keydown", event => {
    const steps = { ArrowLeft: 1, ArrowRight: -1, PageUp: 60, PageDown: -60, Home: span, End: -span, Escape: NaN };
    if (!(event.key in steps)) return;
    event.preventDefault();
    move(event.key === "Escape" ? null : (cursor ?? 0) + steps[event.key]);
  });
}

// write writes a number by the same rules as the server: see internal/draw/units.go.
const scales = {
  "B": [["B", 1], ["KiB", 2 ** 10], ["MiB", 2 ** 20], ["GiB", 2 ** 30], ["TiB", 2 ** 40]],
  "s": [["ns", 1e-9], ["µs", 1e-6], ["ms", 1e-3], ["s", 1]],
  "%": [["%", 1]],
};

function write(value, unit) {
  const [base, per] = unit.split("/");
  if (base === "") return (per && value < 99.95 ? digits(value) : whole(value)) + (per ? "/" + per : "");
  const [name, size] = scales[base].findLast(([, size], i) => i === 0 || value >= size * 0.9995);
  return (name === "B" ? whole(value) : digits(value / size)) + " " + name + (per ? "/" + per : "");
}

const whole = value => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
const digits = value => value === 0 ? "0" : value.toFixed(Math.min(Math.max(2 - Math.floor(Math.log10(value * 1.0005)), 0), 6));

read();
live();
