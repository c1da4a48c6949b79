// Where the names of points go: as reports/board/labels.py, for axes and rows that are chosen later.
const CHARACTER = 6.5, HEIGHT = 13, CLEAR = 6, BELOW = 44;
export const MOST_NAMED = 100;
const DIRECTIONS = [
  [1, 0], [-1, 0], [0.707, -0.707], [-0.707, -0.707], [0.707, 0.707], [-0.707, 0.707], [0, -1], [0, 1],
  [0.924, -0.383], [-0.924, -0.383], [0.924, 0.383], [-0.924, 0.383], [0.383, -0.924], [-0.383, -0.924], [0.383, 0.924], [-0.383, 0.924],
];
const RINGS = [8, 20, 34, 50, 70, 95, 125, 160, 200, 250, 310, 380, 460];

function* candidates([u, v], width) {
  for (const ring of RINGS) {
    for (const [right, down] of DIRECTIONS) {
      const middle = u + right * ring + (Math.sign(right) * width) / 2, centre = v + down * (ring + HEIGHT / 2);
      yield [middle - width / 2, centre - HEIGHT / 2, middle + width / 2, centre + HEIGHT / 2];
    }
  }
}

function free([left, top, right, bottom], area, taken, points) {
  if (left < area[0] || top < area[1] || right > area[2] || bottom > area[3]) return false;
  if (taken.some(([a, b, c, d]) => left < c && a < right && top < d && b < bottom)) return false;
  return !points.some(([u, v]) => left - CLEAR < u && u < right + CLEAR && top - CLEAR < v && v < bottom + CLEAR);
}

function first(point, width, area, taken, points) {
  for (const box of candidates(point, width)) if (free(box, area, taken, points)) return box;
  return null;
}

export function placeLabels(points, labels, area) {
  const taken = [];
  let below = 0;
  const places = points.map(([u, v], at) => {
    const width = labels[at].length * CHARACTER;
    let box = first([u, v], width, area, taken, points) ?? first([u, v], width, area, taken, []);
    if (!box) {
      const left = area[0] + 290 * (below % 3), top = area[3] + BELOW + (HEIGHT + 2) * Math.floor(below / 3);
      box = [left, top, left + width, top + HEIGHT];
      below++;
    }
    taken.push(box);
    const near = [Math.min(Math.max(u, box[0]), box[2]), Math.min(Math.max(v, box[1]), box[3])];
    return { x: box[0], y: box[1] + 10, line: Math.abs(near[0] - u) + Math.abs(near[1] - v) > 14 ? near : null };
  });
  return { places, more: below ? (HEIGHT + 2) * Math.floor((below + 2) / 3) + 12 : 0 };
}
