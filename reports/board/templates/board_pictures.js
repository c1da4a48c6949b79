// Pictures: original and de-identified stand side by side in one file, of which the style sheet cuts out a half.
import { $, $$, make, state } from "./board_state.js";
const MOST_SHOWN = 12; // methods in the strip
export const CASES = ["best", "typical", "worst"];
const named = ([source, kind, label, sample, place, close]) => ({ source, kind, label, sample, case: place, close });
export const readPictures = (text) => Object.fromEntries(Object.entries(JSON.parse(text)).map(([row, some]) => [row, some.map(named)]));

// A file is as wide as both images; only when it is read is known how wide that is.
function whenRead(image, then) {
  image.addEventListener("load", () => then(image.naturalWidth / 2, image.naturalHeight));
  return image;
}

function half(source, side, alt) {
  const image = make("img", { alt, loading: "lazy" }), frame = make("span", { className: `half ${side}` }, image);
  whenRead(image, (wide, high) => frame.style.setProperty("--shape", wide / high)).src = source;
  return frame;
}

// One image of one method; a click shows it large.
function shot(picture, title, withOriginal = true) {
  const { source, close, kind, label } = picture, from = close || source;
  const parts = [half(from, "right", "de-identified")];
  if (withOriginal) parts.unshift(half(from, "left", "original"));
  if (close) parts.push(half(source, "right", "de-identified, whole image"));
  const button = make("button", { type: "button", className: "shot", ariaLabel: `Enlarge ${title.slice(0, 80)}, ${label || kind}` }, ...parts);
  button.addEventListener("click", () => openLarge(title, picture));
  return button;
}

// The original below, what was made of it above, cut off at the slider.
function slide(source, alt) {
  const at = (side) => make("img", { src: source, alt: side === "left" ? `original${alt}` : `de-identified${alt}`, className: side });
  const below = at("left"), frame = make("div", { className: "slide" }, below, make("div", { className: "upper" }, at("right")));
  whenRead(below, (wide, high) => {
    frame.style.setProperty("--wide", `${wide}px`);
    frame.style.setProperty("--shape", wide / high);
  });
  return frame;
}

export function openLarge(title, { source, close, kind, label }) {
  const frames = make("div", { className: "frames" }, ...[[source, ""], [close, ", close-up"]].filter(([from]) => from).map(([from, alt]) => slide(from, alt)));
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, ariaLabel: "Left of the line the original, right of it the de-identified image" });
  const move = () => frames.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", move);
  move();
  const dialog = $("#large");
  $("h2", dialog).replaceChildren(make("bdi", {}, title));
  $(".body", dialog).replaceChildren(make("p", {}, make("b", {}, kind), ` ${label}`), frames, make("p", { className: "ends" }, make("span", {}, "de-identified"), slider, make("span", {}, "original")));
  dialog.showModal();
  slider.focus();
}

// One picture for each of the first methods below the heading of the table.
export function applyStrip(view, images) {
  const { section, data, order, shown } = view, strip = $(".strip", section), wanted = state.get("case", "typical");
  const rows = order.filter((r) => shown[r] && images[data.rows[r].id]).slice(0, MOST_SHOWN);
  strip.hidden = !rows.length;
  if (view.strip === (view.strip = `${wanted} ${rows}`)) return;
  for (const button of $$("input", strip)) button.checked = button.value === wanted;
  const tiles = rows.map((r) => {
    const { id, name, label } = data.rows[r], some = images[id], found = some.find((each) => each.case === wanted) ?? some[0];
    return make("figure", {}, shot(found, name), make("figcaption", {}, make("bdi", {}, label), make("small", {}, ` ${found.case || found.kind}`)));
  });
  $(".pictures", strip).replaceChildren(...tiles);
}

// All pictures of a row: best, typical and worst first, the others by what went wrong.
export function browser(images, title) {
  const list = make("div", { className: "pairs" }), kinds = [...new Set(images.map((each) => each.kind))];
  const first = CASES.map((name) => images.find((each) => each.case === name)).filter(Boolean), rest = images.filter((each) => !first.includes(each));
  const of = (kind) => [...first, ...rest].filter((each) => !kind || each.kind === kind);
  const select = make("select", {}, ...["", ...kinds].map((kind) => make("option", { value: kind }, `${kind || "all"} (${of(kind).length})`)));
  const show = () => list.replaceChildren(...of(select.value).map((picture) => pair(picture, title)));
  select.addEventListener("change", show);
  show();
  const about = make("p", { className: "soft" }, "Original and de-identified; a click enlarges. ", make("label", {}, "show ", select));
  return make("section", {}, make("h3", {}, "Images"), about, list);
}

function pair(picture, title) {
  const caption = make("figcaption", {}, picture.case ? make("span", { className: "case" }, picture.case) : "", make("b", {}, picture.kind), ` ${picture.label}`);
  return make("figure", {}, shot(picture, title), caption);
}

// The same originals as every method left them; where they share none, what is typical of each.
export function sideBySide(view, rows, images) {
  const sets = rows.map((r) => images[view.data.rows[r].id] ?? []);
  if (!sets.some((some) => some.length)) return [];
  const common = sets[0].filter(({ sample }) => sample && sets.every((some) => some.some((each) => each.sample === sample))).slice(0, 3);
  const cases = common.length ? common.map(({ sample }) => (some) => some.find((each) => each.sample === sample)) : [(some) => some.find((each) => each.case === "typical") ?? some[0]];
  const lines = cases.map((pick) =>
    make("div", { className: "pairs row" }, ...rows.flatMap((r, at) => {
      const found = pick(sets[at]), name = view.data.rows[r].name;
      if (!found) return [];
      return [make("figure", {}, shot(found, name, at === 0 || !common.length), make("figcaption", {}, make("bdi", {}, view.data.rows[r].label)))];
    })));
  return [make("h3", {}, common.length ? "The same images" : "Typical images"), ...lines];
}
