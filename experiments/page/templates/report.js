"use strict";

// The contents, the theme and the tables. The page says all without this; here is what a reader can do with it.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Contents: folded where they stand above the text, and marking the part that one reads.

function startContents(nav) {
  const beside = matchMedia("(min-width: 72rem)");
  const fold = () => { nav.querySelector("details").open = beside.matches; };
  fold();
  beside.addEventListener("change", fold);
  const links = [...nav.querySelectorAll("a")].map((link) => [link, document.getElementById(link.hash.slice(1))]);
  let waiting = false;
  const mark = () => {
    waiting = false;
    const reached = links.filter(([, part]) => part.getBoundingClientRect().top < 0.3 * innerHeight);
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    const [current] = (atEnd ? links : reached).at(-1) ?? links[0];
    for (const [link] of links) {
      if (link === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const [seen, whole] = [current.getBoundingClientRect(), nav.getBoundingClientRect()];
    if (seen.top < whole.top || seen.bottom > whole.bottom) nav.scrollTop += seen.top - (whole.top + whole.bottom) / 2;
  };
  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(mark);
    waiting = true;
  }, { passive: true });
  mark();
}

// Theme: as the system has it until the button is pressed.

function startTheme(place) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = element("button", { type: "button", class: "theme" });
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  system.addEventListener("change", name);
  name();
  place.append(button);
}

// Tables: sorted by a click on a head, a second click turns the order round, a third gives the first order back.

const FILTERED = 8; // rows from which a table gets a filter
const BLANK = new Set(["", "-", "nan"]);
const NAMED = new Map([["inf", Infinity], ["-inf", -Infinity]]);
const collator = new Intl.Collator("en", { numeric: true });

function numberOf(text) {
  const plain = text.trim().toLowerCase();
  if (BLANK.has(plain)) return NaN;
  return NAMED.get(plain) ?? Number(plain);
}

function startTable(table) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const rows = [...body.rows].map((line) => ({ line, cells: [...line.cells].map((cell) => cell.textContent) }));
  if (rows.length > 1) heads.forEach((head, place) => startSorting(head, place, heads, rows, body));
  if (rows.length >= FILTERED) startFilter(table, heads.map((head) => head.textContent.trim()), rows);
}

function startSorting(head, place, heads, rows, body) {
  const button = element("button", { type: "button", class: "sort" }, ...head.childNodes);
  head.replaceChildren(button);
  head.dataset.name = button.textContent;
  const numeric = head.classList.contains("number");
  const apart = numeric ? (a, b) => a - b || 0 : collator.compare; // inf - inf is NaN: equal
  button.addEventListener("click", () => {
    const next = { ascending: "descending", descending: null }[head.getAttribute("aria-sort") ?? ""];
    const order = next === undefined ? "ascending" : next;
    for (const other of heads) other.removeAttribute("aria-sort");
    if (order) head.setAttribute("aria-sort", order);
    body.append(...(order ? sorted(rows, place, numeric, apart, order === "ascending" ? 1 : -1) : rows).map((r) => r.line));
  });
}

// Stable, as Array.sort is; rows without a value stand last in either order.
function sorted(rows, place, numeric, apart, sign) {
  const keyed = rows.map((row) => [numeric ? numberOf(row.cells[place]) : row.cells[place], row]);
  const blank = ([key]) => (numeric ? Number.isNaN(key) : BLANK.has(key.trim()));
  const full = keyed.filter((one) => !blank(one)).sort(([a], [b]) => (a === b ? 0 : sign * apart(a, b)));
  return [...full, ...keyed.filter(blank)].map(([, row]) => row);
}

const COMPARE = {
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

const plain = (name) => name.toLowerCase().replaceAll("_", " ").trim();

// A filter is words that a row has, and conditions such as error < 1e-8 or method = central_4; all must hold.
function conditionsOf(text, names) {
  const conditions = [];
  const wanted = [...names.keys()].sort((a, b) => names[b].length - names[a].length);
  const pattern = wanted.map((k) => names[k].replace(/[^\w ]/g, "\\$&").replace(/[_ ]/g, "[_ ]"));
  const condition = new RegExp(`(?<![\\w])(${pattern.join("|")})\\s*(<=|>=|!=|==|=|<|>)\\s*("[^"]*"|[^\\s,;]+)`, "gi");
  const spaced = names.map(plain);
  const rest = text.replace(condition, (_, name, sign, value) => {
    conditions.push(comparison(spaced.indexOf(plain(name)), sign.replace("==", "="), value.replaceAll('"', "")));
    return " ";
  });
  const lost = rest.match(/([^\s,;<>=!]*)\s*(<=|>=|!=|==|=|<|>)\s*([^\s,;]*)/);
  if (lost) {
    const unknown = lost[1] && !spaced.includes(plain(lost[1]));
    const problem = unknown ? `no column “${lost[1]}”; there are ${names.join(", ")}` : "write a condition as error < 1e-8";
    return { problem };
  }
  const words = rest.toLowerCase().split(/[\s,;]+/).filter((word) => word && word !== "and");
  conditions.push((cells) => {
    const whole = cells.join("\n").toLowerCase();
    return words.every((word) => whole.includes(word));
  });
  return { conditions };
}

function comparison(place, sign, value) {
  const goal = numberOf(value);
  const holds = COMPARE[sign];
  return (cells) => {
    const number = numberOf(cells[place]);
    if (!Number.isNaN(goal) && !Number.isNaN(number)) return holds(number, goal);
    if (sign === "=" || sign === "!=") return holds(cells[place].trim().toLowerCase(), value.toLowerCase());
    return false; // a blank or a word is neither smaller nor larger than a number
  };
}

function startFilter(table, names, rows) {
  const box = table.closest(".scroll");
  const name = box.getAttribute("aria-label");
  const input = element("input", {
    type: "search", placeholder: `words, or ${example(table, names)}`, "aria-label": `Filter the rows: ${name}`,
    autocomplete: "off", spellcheck: "false",
  });
  const output = element("output", { role: "status" });
  const show = () => {
    const { conditions = [], problem } = conditionsOf(input.value, names);
    input.setAttribute("aria-invalid", String(Boolean(problem)));
    let shown = 0;
    for (const row of rows) {
      row.line.hidden = !conditions.every((holds) => holds(row.cells));
      shown += !row.line.hidden;
    }
    output.textContent = problem ?? `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows shown`;
  };
  input.addEventListener("input", show);
  box.before(element("div", { class: "tools" }, element("label", {}, "Filter", input), output));
  show();
}

// What a filter may look like, with a column of this table.
function example(table, names) {
  const numeric = names.filter((_, k) => table.tHead.rows[0].cells[k].classList.contains("number"));
  const wanted = numeric.find((name) => name.includes("error"));
  if (wanted) return `${wanted} < 1e-8`;
  return numeric.length ? `${numeric[0]} > 1` : `${names[0]} = …`;
}

const contents = document.querySelector("nav.contents");
if (contents) startContents(contents);
startTheme(document.querySelector(".top"));
document.querySelectorAll("table[data-sortable]").forEach(startTable);
