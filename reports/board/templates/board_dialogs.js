// Cards, comparison, texts to copy and tooltips.
import { browser, sideBySide } from "./board_pictures.js";
import { $, goodness, make, unpack } from "./board_state.js";
import { TEXTS, marked } from "./board_table.js";

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
      line.append(make("td", {}, make(bold ? "b" : "span", {}, ...marked(text[c][r])), make("small", {}, ` ${notes.filter(Boolean).join(" ")}`)));
    });
    body.append(line);
  });
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: "Numbers" }, table);
}

// The record itself, byte for byte as it lies in its folder.
function saving(packed, name) {
  const button = make("button", { type: "button", className: "save" }, "Save the record (run.json)");
  button.addEventListener("click", async () => {
    const address = URL.createObjectURL(new Blob([await unpack(packed)], { type: "application/json" }));
    make("a", { href: address, download: `${name.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 60)}-run.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
  return button;
}

export function openCard(view, r, images, packed) {
  const { name } = view.data.rows[r], card = make("div", { className: "card", innerHTML: view.data.cards[r] }); // made by the same escaping templates as the page
  if (packed) $(".about", card).append(saving(packed, name));
  if (images?.length) $(".about", card).after(browser(images, name));
  openDialog(name, card, make("h3", {}, "All numbers"), numbers(view, [r]));
}
export const openCompare = (view, rows, images) => openDialog(`${rows.length} methods side by side`, ...sideBySide(view, rows, images), numbers(view, rows));

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
    const alarm = target.closest("table.board .alarm"), cell = alarm ?? target.closest("table.board :is(td, .columns th)"), c = cell && !alarm ? cell.cellIndex - TEXTS.length : -1;
    const { data, rows } = current(), column = alarm ? { name: "Alarms" } : data.columns[c], r = rows.indexOf(cell?.closest("tr"));
    hide();
    if (!column || (r < 0 && cell.tagName === "TD")) return;
    // Six digits are more than any number here is known to; the record and the CSV have all.
    const full = alarm || r < 0 || data.value[c][r] === null ? "" : `${Number(data.value[c][r].toPrecision(6))} ${column.unit}${data.spread[c][r] && `${data.spread[c][r]} over the images`}`;
    const about = alarm ? data.rows[r].alarms : r < 0 ? [tips[column.metric]] : [full, data.interval[c][r] && `95 % interval ${data.interval[c][r]}`, data.remarks[data.remark[c][r]], data.rank[c][r].startsWith("=") && "Tied: another method has the very same number."];
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
