/** Buttons and sliders of the bars: tools, views, history, zoom, opacity, size. */

import { clearStrokes, moveInHistory, showHelp } from "./keys.js";
import { stage } from "./stage.js";
import { store } from "./store.js";

const element = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/** Makes buttons of a group choose a value of the store. */
function choices(/** @type {string} */ id, /** @type {string} */ name) {
  const buttons = /** @type {HTMLButtonElement[]} */ ([...element(id).querySelectorAll("button")]);
  for (const button of buttons) button.addEventListener("click", () => store.set({ [name]: button.dataset[name] }));
  element(id).addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const at = buttons.findIndex((button) => button.dataset[name] === /** @type {any} */ (store)[name]);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    store.set({ [name]: next.dataset[name] });
    next.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  store.watch([name], () => {
    for (const button of buttons) {
      const isChosen = button.dataset[name] === /** @type {any} */ (store)[name];
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  });
}

/** Sizes of the brush grow by factors: from 1 to 400 pixels over the slider. */
const toSlider = (/** @type {number} */ size) => (100 * Math.log(size)) / Math.log(400);
const fromSlider = (/** @type {number} */ value) => Math.max(1, Math.round(400 ** (value / 100)));

choices("tools", "tool");
choices("views", "view");
element("undo").addEventListener("click", () => moveInHistory("undo"));
element("redo").addEventListener("click", () => moveInHistory("redo"));
element("clear").addEventListener("click", clearStrokes);
element("help-button").addEventListener("click", showHelp);
element("zoom-in").addEventListener("click", () => stage.viewport.zoom(1.4));
element("zoom-out").addEventListener("click", () => stage.viewport.zoom(1 / 1.4));
element("zoom-fit").addEventListener("click", () => stage.viewport.fit());
element("split").addEventListener("click", () => store.set({ split: !store.split }));
element("strokes-shown").addEventListener("click", () => store.set({ strokesShown: !store.strokesShown }));
element("opacity").addEventListener("input", () => store.set({ opacity: element("opacity").value / 100 }));
element("size").addEventListener("input", () => store.set({ size: fromSlider(Number(element("size").value)) }));

store.watch(["split"], () => element("split").setAttribute("aria-pressed", String(store.split)));
store.watch(["strokesShown"], () =>
  element("strokes-shown").setAttribute("aria-pressed", String(store.strokesShown)));
store.watch(["opacity"], () => {
  element("opacity").value = 100 * store.opacity;
});
store.watch(["size"], () => {
  element("size").value = toSlider(store.size);
  element("size-value").textContent = store.size;
});
store.watch(["state"], () => {
  const { undo, redo } = store.state;
  element("undo").disabled = !undo;
  element("redo").disabled = !redo;
  element("undo").title = undo ? `Undo: ${undo} (Ctrl+Z)` : "Nothing to undo";
  element("redo").title = redo ? `Redo: ${redo} (Ctrl+Shift+Z)` : "Nothing to redo";
});
