// Cards, comparison, images, texts to copy and tooltips.
import { $, goodness, make } from "./board_state.js";
import { TEXTS } from "./board_table.js";

function openDialog(title, ...content) {
  $("#dialog-title").replaceChildren(make("bdi", {}, title));
  $("dialog .body").replaceChildren(...content);
  if (!$("dialog").open) $("dialog").showModal();
  $("dialog").scrollTop = 0;
}

// All numbers of some rows side by side; the best of several is set in bold.
function numbers({ data, text }, rows) {
  const table = make("table", { className: "numbers" }), body = make("tbody");
  const head = make("tr", {}, ...["number", ...rows.map((r) => data.rows[r].name)].map((name) => make("th", { scope: "col" }, make("bdi", {}, name))));
  table.append(make("thead", {}, head), body);
  data.columns.forEach((column, c) => {
    const good = rows.map((r) => goodness(column, data.value[c][r]) ?? -Infinity), best = Math.max(...good);
    if (best === -Infinity) return;
    const line = make("tr", {}, make("th", { scope: "row" }, column.name, make("small", {}, ` ${column.unit}`)));
    rows.forEach((r, at) => {
      const bold = good[at] === best && good.some((each) => each !== best);
      const notes = [data.interval[c][r] && `[${data.interval[c][r]}]`, data.rank[c][r] && `#${data.rank[c][r]} ${data.letters[c][r]}`];
      line.append(make("td", {}, make(bold ? "b" : "span", {}, text[c][r]), make("small", {}, ` ${notes.filter(Boolean).join(" ")}`)));
    });
    body.append(line);
  });
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Numbers" }, table);
}

// The picture holds both images side by side; the difference lays one half over the other.
function pair([source, kind, label]) {
  const half = (side, alt) => make("span", { className: `half ${side}` }, make("img", { src: source, alt, loading: "lazy" }));
  const over = make("span", { className: "over", role: "img", ariaLabel: "difference" }, half("left", ""), half("right", ""));
  return make("figure", {}, half("left", "original"), half("right", "de-identified"), over, make("figcaption", {}, make("b", {}, kind), ` ${label}`));
}

function browser(images) {
  const list = make("div", { className: "pairs" }), of = (kind) => images.filter((each) => !kind || each[1] === kind);
  const kinds = ["", ...new Set(images.map((each) => each[1]))];
  const select = make("select", {}, ...kinds.map((kind) => make("option", { value: kind }, `${kind || "all"} (${of(kind).length})`)));
  const show = () => list.replaceChildren(...of(select.value).map(pair));
  select.addEventListener("change", show);
  show();
  const about = make("p", { className: "soft" }, "Original, de-identified, and their difference (brightened); worst first. ", make("label", {}, "show ", select));
  return make("section", {}, make("h3", {}, "Images"), about, list);
}

export function openCard(view, r, images) {
  const card = make("div", { className: "card", innerHTML: view.data.cards[r] }); // made by the same escaping templates as the page
  if (images) card.append(browser(images));
  openDialog(view.data.rows[r].name, card, make("h3", {}, "All numbers"), numbers(view, [r]));
}
export const openCompare = (view, rows) => openDialog(`${rows.length} methods side by side`, numbers(view, rows));

export function openText(title, text) {
  const area = make("textarea", { readOnly: true, value: text, rows: 16, ariaLabel: title }), button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    area.select();
    await navigator.clipboard?.writeText(text).catch(() => document.execCommand("copy"));
    button.textContent = "Copied";
  });
  openDialog(title, area, button);
}

// One tooltip for headings and numbers: by pointer and by focus; Escape puts it away.
export function tooltips(current, tips) {
  const tip = $("#tip"), hide = () => (tip.hidden = true);
  const show = ({ target }) => {
    const cell = target.closest("table.board :is(td, .columns th)"), c = cell ? cell.cellIndex - TEXTS.length : -1;
    const { data, rows } = current(), column = data.columns[c], r = rows.indexOf(cell?.parentElement);
    hide();
    if (!column || (r < 0 && cell.tagName === "TD")) return;
    // Six digits are more than any number here is known to; the record and the CSV have all.
    const full = r < 0 || data.value[c][r] === null ? "" : `${Number(data.value[c][r].toPrecision(6))} ${column.unit}${data.spread[c][r] && `${data.spread[c][r]} over the images`}`;
    const about = r < 0 ? [tips[column.metric]] : [full, data.interval[c][r] && `95 % interval ${data.interval[c][r]}`, data.remarks[data.remark[c][r]]];
    tip.replaceChildren(make("b", {}, column.name), ...about.filter(Boolean).map((line) => make("span", {}, line)));
    tip.hidden = false;
    const box = cell.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(box.left, innerWidth - width - 8))}px`;
    tip.style.top = `${box.bottom + height + 4 < innerHeight ? box.bottom + 2 : Math.max(4, box.top - height - 2)}px`;
  };
  for (const event of ["pointerover", "focusin"]) $("main").addEventListener(event, show);
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, true);
}
