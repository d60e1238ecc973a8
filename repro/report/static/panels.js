// Image, label and predictions over each other: a slider moves the edge between two of them.
class Panels {
  constructor(holder, groups) {
    this.holder = holder;
    this.groups = groups;
    this.show(0);
  }

  show(index) {
    this.group = this.groups[index];
    const group = choose("Table", this.groups.map((each) => each.name), (value) => {
      this.show(value);
      this.holder.querySelector("select").focus();
    });
    group.querySelector("select").value = index;
    this.thumbs = make("ul", { class: "thumbs" }, this.group.images.map((image, place) =>
      make("li", {}, make("button", {
        type: "button", "aria-pressed": String(place === 0), "aria-label": `Image ${image.name}`,
        onclick: () => this.pick(place),
      }, make("img", { src: DATA.pictures[image.layers[0][1]], alt: "", loading: "lazy" })))));
    this.sides = make("div", { class: "controls" });
    this.stage = make("div", { class: "stage" });
    this.slider = make("input", {
      type: "range", min: 0, max: 100, value: 50, "aria-label": "Edge between the left and the right picture",
      oninput: () => this.move(Number(this.slider.value)),
    });
    this.said = make("p", { class: "reading", "aria-live": "polite" });
    const classes = this.group.classes.map(([name, colour]) =>
      make("li", {}, make("span", { class: "swatch", style: `background: ${colour}` }), name));
    this.holder.replaceChildren(make("div", { class: "controls" }, group), this.thumbs, this.sides, this.stage,
      make("div", { class: "along" }, this.slider), this.said, make("ul", { class: "classes" }, classes));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    this.stage.addEventListener("pointerdown", (event) => this.drag(event, true));
    this.pick(0);
  }

  pick(place) {
    this.image = this.group.images[place];
    [...this.thumbs.children].forEach((item, index) =>
      item.firstChild.setAttribute("aria-pressed", String(index === place)));
    const names = this.image.layers.map(([name]) => name);
    this.left = Math.max(names.indexOf(this.names ? this.names[0] : "image"), 0);
    const right = names.indexOf(this.names ? this.names[1] : "");
    this.right = right >= 0 ? right : Math.min(2, names.length - 1);
    const side = (label, key) => {
      const chosen = choose(label, names, (value) => { this[key] = value; this.layers(); });
      chosen.querySelector("select").value = this[key];
      return chosen;
    };
    this.sides.replaceChildren(side("Left", "left"), side("Right", "right"));
    this.layers();
  }

  layers() {
    const picture = (place, side) => {
      const [name, key] = this.image.layers[place];
      const kind = place === 0 ? "photograph" : "classes-picture";
      return make("img", { src: DATA.pictures[key], alt: `${this.image.name}: ${name}`, class: `${side} ${kind}`,
        draggable: "false" });
    };
    this.names = [this.image.layers[this.left][0], this.image.layers[this.right][0]];
    this.stage.replaceChildren(picture(this.left, "under"), picture(this.right, "over"),
      make("span", { class: "edge", "aria-hidden": "true" }));
    const text = [this.left, this.right].map((place) => {
      const [name, , score] = this.image.layers[place];
      return score ? `${name}: ${score}` : name;
    });
    this.said.textContent = `${this.image.name}. Left: ${text[0]}. Right: ${text[1]}.`;
    this.move(Number(this.slider.value));
  }

  drag(event, pressed = false) {
    if (!pressed && event.pointerType === "touch" && !event.buttons) return;
    const box = this.stage.getBoundingClientRect();
    this.slider.value = (100 * (event.clientX - box.left)) / box.width;
    this.move(Number(this.slider.value));
  }

  move(share) {
    this.stage.style.setProperty("--edge", `${share}%`);
  }
}

const panelsHolder = document.getElementById("images-drawing");
if (panelsHolder && DATA.panels.length) new Panels(panelsHolder, DATA.panels);
