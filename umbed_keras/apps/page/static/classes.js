/** The list of classes: names, colours, counts of labelled pixels, and predicted shares. */

import { act } from "./api.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

const list = /** @type {HTMLElement} */ (document.getElementById("classes"));

/** Chooses the class to draw, by its position in the list. */
export function chooseClass(/** @type {number} */ position) {
  const chosen = store.state.classes[position];
  if (chosen) store.set({ number: chosen.number, tool: store.tool === "eraser" ? "brush" : store.tool });
}

let isAdding = false;

/** Whether the keyboard waits for the name of a class that is being added. */
export function isAddingClass() {
  return isAdding;
}

/** Adds a class, and lets the user name it. */
export async function addClass() {
  isAdding = true;
  try {
    const number = await act("add_class");
    store.set({ number });
    const name = /** @type {HTMLInputElement | null} */ (list.querySelector(`[data-number="${number}"] .name`));
    name?.focus();
    name?.select();
  } catch (error) {
    toast(error);
  } finally {
    isAdding = false;
  }
}

async function change(/** @type {object} */ body) {
  try {
    await act("change_class", body);
  } catch (error) {
    toast(error);
    render();
  }
}

/** Makes or renews the row of a class. */
function row(/** @type {import("./store.js").LabelClass} */ given, /** @type {number} */ position) {
  const { number } = given;
  let item = /** @type {HTMLElement | null} */ (list.querySelector(`[data-number="${number}"]`));
  if (!item) {
    item = document.createElement("li");
    item.dataset.number = String(number);
    item.innerHTML = `<button class="pick" role="radio"><kbd></kbd></button>
      <input type="color" class="swatch"><input class="name" maxlength="60" spellcheck="false">
      <span class="share"></span>
      <button class="tool small remove"><svg class="icon small"><use href="/static/icons.svg#close"/></svg></button>
      <span class="count"></span><span class="bar"><i></i></span>`;
    const part = (/** @type {string} */ selector) => /** @type {any} */ (item?.querySelector(selector));
    item.addEventListener("pointerdown", () => store.set({ number }));
    part(".pick").addEventListener("click", () => store.set({ number }));
    part(".swatch").addEventListener("change", () => change({ number, color: part(".swatch").value }));
    part(".name").addEventListener("change", () => change({ number, name: part(".name").value }));
    part(".name").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" || event.key === "Escape") part(".name").blur();
    });
    part(".remove").addEventListener("click", async () => {
      try {
        await act("remove_class", { number });
        await stage.reload();
        toast("The class and its strokes are removed. Undo brings them back.");
      } catch (error) {
        toast(error);
      }
    });
  }
  const part = (/** @type {string} */ selector) => /** @type {any} */ (item?.querySelector(selector));
  const isChosen = store.number === number;
  item.classList.toggle("chosen", isChosen);
  item.style.setProperty("--color", given.color);
  part(".pick").setAttribute("aria-checked", String(isChosen));
  part(".pick").setAttribute("aria-label", `Draw ${given.name}`);
  part(".pick").tabIndex = isChosen ? 0 : -1;
  part("kbd").textContent = position < 9 ? String(position + 1) : "";
  if (document.activeElement !== part(".name")) part(".name").value = given.name;
  part(".name").setAttribute("aria-label", `Name of class ${number}`);
  part(".swatch").value = given.color;
  part(".swatch").setAttribute("aria-label", `Colour of ${given.name}`);
  part(".remove").setAttribute("aria-label", `Remove ${given.name}`);
  part(".remove").title = `Remove ${given.name} and its strokes`;
  part(".count").textContent = given.count
    ? `${given.count.toLocaleString("en")} labelled` : "no strokes yet";
  const share = store.answer?.shares[number];
  part(".share").textContent = share === undefined ? "" : `${(100 * share).toFixed(1)} %`;
  part(".bar i").style.width = `${100 * (share ?? 0)}%`;
  return item;
}

function render() {
  const { classes } = store.state;
  if (classes.length && !classes.some((given) => given.number === store.number)) {
    store.number = classes[0].number;
  }
  const rows = classes.map(row);
  if (rows.length !== list.children.length || rows.some((item, at) => list.children[at] !== item)) {
    list.replaceChildren(...rows);
  }
}

store.watch(["state", "number", "answers", "key", "planes"], render);
list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target instanceof HTMLInputElement) return;
  const at = store.state.classes.findIndex((given) => given.number === store.number);
  chooseClass((at + step + store.state.classes.length) % store.state.classes.length);
  /** @type {HTMLElement | null} */ (list.querySelector(".chosen .pick"))?.focus();
  event.preventDefault();
  event.stopPropagation();
});
/** @type {HTMLElement} */ (document.getElementById("add-class")).addEventListener("click", addClass);
