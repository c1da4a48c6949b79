// Joins the parts: events change the state, and the state is what the page shows.
import { copyAs } from "./board_copy.js";
import { openCard, openCompare, openText, tooltips } from "./board_dialogs.js";
import { applyStrip, readPictures } from "./board_pictures.js";
import { applyPlot } from "./board_plot.js";
import { $, $$, state, unpack } from "./board_state.js";
import { applyTable, clickHead, makeView, recognizerOf } from "./board_table.js";
const DEFAULTS = { q: "", family: "", condition: "", status: "", recognizer: "", sweep: "", set: "overview", ci: "0", places: "1", ends: "1", all: "0" };
const THEMES = ["auto", "light", "dark"];
let views = [], records = {};
const images = readPictures($("#images").textContent);
const current = () => views.find(({ data }) => data.id === state.get("tab")) ?? views[0];
const rowOf = (id) => current().data.rows.findIndex((row) => row.id === id);
const picks = () => state.get("compare").split(",").filter((id) => rowOf(id) >= 0);
const fields = (form) => Object.keys(DEFAULTS).flatMap((name) => (form.elements[name] ? [[name, form.elements[name]]] : []));

function apply() {
  const view = current(), count = picks().length, button = $("button.compare", view.section);
  const theme = (document.documentElement.dataset.theme = state.get("theme", "auto"));
  $("button.theme").textContent = `Theme: ${theme}`;
  for (const each of views) each.section.hidden = each !== view;
  for (const link of $$("nav.tabs a")) link.ariaCurrent = link.dataset.tab === view.data.id ? "page" : null;
  for (const [name, field] of fields(view.form)) {
    const value = name === "recognizer" ? recognizerOf(view.data) : state.get(name, DEFAULTS[name]);
    if (field.type === "checkbox") field.checked = value === "1";
    else field.value = value;
  }
  applyTable(view);
  applyStrip(view, images);
  applyPlot(view);
  for (const box of $$(".pick", view.section)) box.checked = picks().includes(box.value);
  button.disabled = count < 2 || count > 4;
  button.textContent = `Compare (${count})`;
}

const change = (changes) => (state.set(changes), apply());

function openRow(id) {
  state.set({ row: id });
  if (rowOf(id) >= 0) openCard(current(), rowOf(id), images[id], records[id]);
}

function readForm(form, name) {
  if (name === "recognizer") return change({ recognizer: form.elements.recognizer.value });
  const value = (field) => (field.type === "checkbox" ? String(Number(field.checked)) : field.value);
  change(Object.fromEntries(fields(form).filter(([each]) => each !== "recognizer").map(([name, field]) => [name, value(field) === DEFAULTS[name] ? "" : value(field)])));
}

function changed({ target }) {
  const view = current();
  if (target.className === "pick") change({ compare: $$(".pick:checked", view.section).map((box) => box.value).join() });
  else if (target.name.startsWith("case-")) change({ case: target.value === "typical" ? "" : target.value });
  else if (["across", "up"].includes(target.name)) change({ [target.name]: view.data.columns[target.value].key });
  else if (target.className === "copy" && target.value) {
    openText(target.selectedOptions[0].textContent, copyAs(target.value, view));
    target.value = "";
  } else if (target.dataset.facet) {
    const facets = $$("nav.tabs select");
    for (const link of $$("nav.tabs a")) link.hidden = facets.some((each) => each.value && link.dataset[each.dataset.facet] !== each.value);
  }
}

function clicked(event) {
  const on = (selector) => event.target.closest(selector);
  if (on("nav.tabs a")) {
    event.preventDefault();
    change({ tab: on("a").dataset.tab, compare: "", sweep: "" });
  } else if (on(".columns button")) {
    clickHead(current(), on("th"));
    apply();
  } else if (on("button.open, button.alarm")) openRow($("button.open", on("tr")).value);
  else if (on("g.point")) openRow(on("g.point").dataset.row);
  else if (on("button.compare")) openCompare(current(), picks().map(rowOf), images);
  else if (on("button.reset")) change(Object.fromEntries([...Object.keys(DEFAULTS), "sort"].map((name) => [name, ""])));
  else if (on("button.theme")) change({ theme: THEMES[(THEMES.indexOf(state.get("theme", "auto")) + 1) % THEMES.length] });
}

async function start() {
  const { tabs, tips, ...rest } = await unpack($("#data").textContent);
  if (!tabs.length) return;
  records = rest.records;
  views = tabs.map(makeView);
  $$(".js:not(#trouble)").forEach((element) => (element.hidden = false));
  $$("table.board :is(th, .alarm)[title]").forEach((head) => head.removeAttribute("title")); // the tooltip says more
  for (const { form } of views) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => event.target.name && readForm(form, event.target.name));
  }
  document.addEventListener("change", changed);
  document.addEventListener("click", clicked);
  $("dialog").addEventListener("close", () => state.set({ row: "" }));
  addEventListener("hashchange", () => {
    state.values = new URLSearchParams(location.hash.slice(1));
    apply();
    openRow(state.get("row"));
  });
  tooltips(current, tips);
  apply();
  openRow(state.get("row"));
  document.documentElement.dataset.ready = "yes";
}

start().catch((error) => {
  $("#trouble").hidden = false;
  $("#trouble").append(`Cards, filters and plots could not be started; the tables are complete. (${error})`);
});
