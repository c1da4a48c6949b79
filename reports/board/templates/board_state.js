// What the page knows: its packed data, and the state that stands in the address.
export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

export const state = {
  values: new URLSearchParams(location.hash.slice(1)),
  get: (name, fallback = "") => state.values.get(name) ?? fallback,
  set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (value === "") state.values.delete(name); // the default, whatever it is
      else state.values.set(name, value);
    }
    history.replaceState(null, "", `#${state.values}`);
  },
};

// How good a number is: larger is better, whatever the metric; null stays null.
export function goodness(column, value) {
  if (value === null) return null;
  return column.better === "target" ? -Math.abs(value - column.target) : column.better === "higher" ? value : -value;
}
