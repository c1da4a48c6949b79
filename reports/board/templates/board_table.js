// Sorting, filters, sets of columns, intervals and places. The table is complete without them.
import { $, $$, goodness, make, state } from "./board_state.js";

export const TEXTS = ["name", "family", "status"]; // columns before the numbers, by their key in a row
const LIMIT = 100; // rows laid out at once: more of them make sorting wait for the layout
const sheet = document.styleSheets[0];
const ownRules = sheet.cssRules.length;
export function makeView(data) {
  const section = $(`#tab-${data.id}`), body = $("table.board tbody", section), rows = [...body.rows];
  rows.forEach(({ cells }, r) => {
    const { id, name } = data.rows[r];
    const box = make("input", { type: "checkbox", className: "pick", value: id, ariaLabel: `Compare ${name.slice(0, 80)}` });
    const shown = $("bdi", cells[0]);
    shown.replaceWith(box, make("button", { type: "button", className: "open", value: id }, make("bdi", {}, name)));
  });
  const text = data.columns.map((_, c) => rows.map((row) => row.cells[c + TEXTS.length].textContent));
  const heads = $$("tr.columns th", section), first = heads.findIndex((head) => head.ariaSort) - TEXTS.length;
  return { section, data, body, rows, text, heads, form: $("form.tools", section), order: rows.map((_, r) => r), modes: [], first };
}

// A number, and the mark of one that its row's stamp does not cover, with its meaning for who cannot see it.
export function marked(text) {
  if (!text.endsWith("°")) return [text];
  const mark = make("span", { className: "mark", role: "img", ariaLabel: "(not covered by the stamp)" }, "°");
  return [text.slice(0, -1), mark];
}

function passes(row, r, sweep) {
  const is = (name, value) => !state.get(name) || state.get(name) === value;
  const words = `${row.name} ${row.family}`.toLowerCase().includes(state.get("q").toLowerCase());
  const kept = state.get("ends", "1") === "1" || !row.sanity;
  return words && kept && is("family", row.family) && is("condition", row.knows) && is("status", row.status) && (!sweep || sweep.rows.includes(r));
}

// The overview shows one recogniser until another one or all are asked for; the sets show all.
export function recognizerOf({ recognizer }) {
  return state.get("recognizer") || (state.get("set", "overview") === "overview" && recognizer) || "all";
}

function chosenColumns(data) {
  const { columns, overview } = data, set = state.get("set", "overview"), recognizer = recognizerOf(data);
  const firstLook = new Set(overview.map((o) => columns[o].metric));
  return columns.map((column, c) => {
    const inSet = set === "all" || column.set === set || (set === "overview" && firstLook.has(column.metric) && (column.recognizer || overview.includes(c)));
    return inSet && (recognizer === "all" || !column.recognizer || column.recognizer === recognizer);
  });
}

// One rule of the style sheet hides all columns at once, which is much quicker than doing so cell by cell.
function hideColumns({ section, columns }) {
  while (sheet.cssRules.length > ownRules) sheet.deleteRule(ownRules);
  const hidden = columns.flatMap((shown, c) => (shown ? [] : [c + TEXTS.length + 1]));
  const runs = hidden.filter((place) => !hidden.includes(place - 1)).map((from) => {
    let to = from;
    while (hidden.includes(to + 1)) to++;
    return `:nth-child(n+${from}):nth-child(-n+${to})`;
  });
  if (runs.length) sheet.insertRule(`#${section.id} .board :is(tbody tr, .columns) > :is(${runs.join()}) { display: none }`, ownRules);
  let c = 0;
  for (const head of $$("tr.groups th", section)) {
    const span = Number((head.dataset.span ??= head.colSpan)), shown = columns.slice(c, (c += span)).filter(Boolean).length;
    Object.assign(head, { hidden: !shown, colSpan: shown || 1 });
  }
}

function sortKey({ data, first }) {
  const [key, direction] = state.get("sort").split(/~(?=-?1$)/), c = data.columns.findIndex((column) => column.key === key);
  if (c >= 0 || TEXTS.includes(key)) return { place: c < 0 ? TEXTS.indexOf(key) : c + TEXTS.length, best: Number(direction) };
  return { place: first < 0 ? 0 : first + TEXTS.length, best: 1 };
}

function sortRows(view) {
  const { place, best } = sortKey(view), { data } = view, column = data.columns[place - TEXTS.length];
  const value = data.rows.map((row, r) => (column ? goodness(column, data.value[place - TEXTS.length][r]) : row[TEXTS[place]]));
  const compare = (a, b) => {
    if (!column) return best * value[a].localeCompare(value[b]);
    // Rows without a number stay at the end, whatever the direction.
    return (value[a] === null) - (value[b] === null) || best * (value[b] - value[a]);
  };
  view.order = data.rows.map((_, r) => r).sort((a, b) => compare(a, b) || a - b);
  const rising = (!column || column.better === "lower") === best > 0;
  view.heads.forEach((head, at) => (head.ariaSort = at === place ? (rising ? "ascending" : "descending") : null));
}

export function clickHead(view, head) {
  const place = view.heads.indexOf(head), now = sortKey(view);
  const key = TEXTS[place] ?? view.data.columns[place - TEXTS.length].key;
  state.set({ sort: `${key}~${now.place === place ? -now.best : 1}` });
}

function dressCells(view) {
  const ci = state.get("ci") === "1", places = state.get("places", "1") === "1", { interval, rank, letters } = view.data;
  view.columns.forEach((shown, c) => {
    const mode = (ci ? "i" : "") + (places && rank[c].some(Boolean) ? "p" : "");
    if (!shown || (view.modes[c] ?? "") === mode) return;
    view.modes[c] = mode;
    view.rows.forEach((row, r) => {
      const parts = marked(view.text[c][r]);
      if (ci && interval[c][r]) parts.push(make("small", { className: "ci" }, interval[c][r].replace(", ", " to ")));
      if (places && rank[c][r]) parts.push(make("small", { className: "rank" }, `#${rank[c][r]} ${letters[c][r]}`));
      row.cells[c + TEXTS.length].replaceChildren(...parts);
    });
  });
}

export function applyTable(view) {
  const { data, section } = view, sweep = data.sweeps[state.get("sweep")], ablation = $(".ablation", section);
  view.shown = data.rows.map((row, r) => passes(row, r, sweep));
  view.columns = chosenColumns(data);
  hideColumns(view);
  dressCells(view);
  sortRows(view);
  const limit = state.get("all") === "1" ? Infinity : LIMIT, count = view.shown.filter(Boolean).length;
  const lead = view.order.filter((r) => view.shown[r]).slice(0, limit).map((r) => view.rows[r]), led = new Set(lead);
  for (const row of view.rows) if (row.hidden === led.has(row)) row.hidden = !row.hidden;
  if (lead.some((row, at) => view.body.rows[at] !== row)) view.body.prepend(...lead); // hidden rows need no order
  $(".count", section).textContent = `${count} of ${view.rows.length} rows${count > limit ? `, the first ${limit} shown` : ""}`;
  $(".empty", section).hidden = count > 0;
  ablation.hidden = !sweep;
  ablation.innerHTML = sweep ? sweep.html : ""; // made by the same escaping templates as the page
}
