// The trade-off plot for other axes and for the rows that pass the filters; the first one is drawn into the page.
import { MOST_NAMED, placeLabels } from "./board_labels.js";
import { $, goodness, state } from "./board_state.js";
const LEFT = 64, RIGHT = 936, TOP = 16, BOTTOM = 392, HIGH = 440; // as in svg.py

function draw(parent, tag, attributes, text = "") {
  const element = document.createElementNS(parent.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return parent.appendChild(element);
}

// Columns come with their limits, reversed where smaller is better. Pixels have one decimal, as svg.py has them.
function scale({ axis }, start, end) {
  const at = (value) => Math.round(10 * (start + ((value - axis.low) / (axis.high - axis.low)) * (end - start))) / 10;
  return { at, within: (value) => Math.min(Math.max(at(value), Math.min(start, end)), Math.max(start, end)) };
}

export function applyPlot(view) {
  const { section, data, shown } = view, svg = $("svg.pareto", section);
  if (!svg) return;
  const [x, y] = ["across", "up"].map((name) => {
    const select = $(`select[name=${name}]`, section), own = [...select.options].findIndex((option) => option.defaultSelected);
    const chosen = data.columns.findIndex((column) => column.key === state.get(name));
    return Number((select.value = chosen < 0 ? own : chosen));
  });
  if (view.drawn === (view.drawn = [x, y, ...shown].join())) return; // sorting leaves it as it is
  const rows = data.rows.map((_, r) => r).filter((r) => shown[r] && data.value[x][r] !== null && data.value[y][r] !== null);
  const [right, above] = [data.columns[x], data.columns[y]], across = scale(right, LEFT, RIGHT), up = scale(above, BOTTOM, TOP);
  svg.innerHTML = right.axis.across + above.axis.up; // drawn and escaped by svg.py
  svg.setAttribute("aria-label", `${above.name} against ${right.name} of ${rows.length} methods`);
  const centre = (LEFT + RIGHT) / 2, note = rows.length ? "" : "No row that passes the filters has both numbers.";
  draw(svg, "text", { x: centre, y: (TOP + BOTTOM) / 2, "text-anchor": "middle" }, note);
  const good = rows.map((r) => [goodness(right, data.value[x][r]), goodness(above, data.value[y][r])]);
  const beats = ([a, b], [p, q]) => a >= p && b >= q && (a > p || b > q);
  const rivals = rows.map((_, i) => i).filter((i) => !data.rows[rows[i]].sanity);
  const front = rivals.filter((i) => !rivals.some((other) => beats(good[other], good[i]))).sort((a, b) => good[a][0] - good[b][0]);
  const place = (r) => [across.at(data.value[x][r]), up.at(data.value[y][r])], kind = rows.map((r, i) => (data.rows[r].sanity ? "sanity" : front.includes(i) ? "front" : ""));
  draw(svg, "polyline", { class: "front", points: front.map((i) => place(rows[i])).join(" ") });
  // Names of the best and of the ends of the scale stand nearest.
  const order = ["front", "sanity", ""].flatMap((wanted) => rows.map((_, i) => i).filter((i) => kind[i] === wanted)), named = order.slice(0, MOST_NAMED);
  const { places, more } = placeLabels(named.map((i) => place(rows[i])), named.map((i) => data.rows[rows[i]].label), [LEFT + 2, TOP - 10, RIGHT + 20, BOTTOM]);
  svg.setAttribute("viewBox", `0 0 960 ${HIGH + more}`);
  svg.setAttribute("height", HIGH + more);
  rows.forEach((r, i) => {
    const { id, name, label } = data.rows[r], [u, v] = place(r), placed = places[named.indexOf(i)];
    const group = draw(svg, "g", { class: `point ${kind[i]}`.trim(), "data-row": id });
    draw(group, "title", {}, name.slice(0, 200));
    const [wide, high] = [x, y].map((c) => data.interval[c][r] && data.interval[c][r].split(", ").map(Number));
    if (wide) draw(group, "path", { d: `M${across.within(wide[0])} ${v}H${across.within(wide[1])}` });
    if (high) draw(group, "path", { d: `M${u} ${up.within(high[0])}V${up.within(high[1])}` });
    if (placed?.line) draw(group, "path", { class: "leader", d: `M${u} ${v}L${placed.line}` });
    draw(group, "circle", { cx: u, cy: v });
    if (placed) draw(group, "text", { x: placed.x.toFixed(1), y: placed.y.toFixed(1) }, label);
  });
  const rest = rows.length - named.length, lacking = data.rows.filter((_, r) => shown[r] && !rows.includes(r)).map((row) => row.label);
  const said = [rest && `Named when pointed at: ${rest} more.`, lacking.length && `Not drawn, for lack of one of the two numbers: ${lacking.join(", ")}.`];
  $(".plot .rest", section).textContent = said.filter(Boolean).join(" "); // as in reasons.py
}
