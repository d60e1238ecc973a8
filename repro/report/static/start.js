// What every part of the page uses. Text reaches the page as text only: no markup is ever put together here.
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

function choose(label, names, change) {
  const options = names.map((name, index) => make("option", { value: index }, name));
  const select = make("select", { onchange: () => change(Number(select.value)) }, options);
  return make("label", {}, label, " ", select);
}

function chip(slug, letter, word) {
  return make("span", { class: `chip ${slug}`, title: word }, make("span", { "aria-hidden": "true" }, letter));
}

// In print nothing can be opened or moved: what is folded is shown, and a wide table is made to fit its page.
const SHEET = 680; // pixels between the margins of A4 upright
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const each of unfolded) each.open = true;
  for (const table of document.querySelectorAll(".scroll table")) {
    if (table.offsetWidth > SHEET) table.style.zoom = SHEET / table.offsetWidth;
  }
});
addEventListener("afterprint", () => {
  for (const each of unfolded) each.open = false;
  for (const table of document.querySelectorAll(".scroll table")) table.style.zoom = "";
});
