/** The keyboard: each key with what it does, and the sheet that lists them. */

import { act } from "./api.js";
import { addClass, chooseClass, isAddingClass } from "./classes.js";
import { autoContrast } from "./contrast.js";
import { showDialog } from "./dialog.js";
import { chooseFiles, stepImage, stepPlane } from "./images.js";
import { holdSpace, paintMiddle } from "./pointer.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { suggestNext } from "./suggestions.js";
import { toast } from "./toasts.js";

const { viewport } = stage;
const VIEWS = ["image", "segmentation", "uncertainty", "similar"];

/** Undoes or redoes, and shows what is there now. */
export async function moveInHistory(/** @type {"undo" | "redo"} */ action) {
  try {
    await stage.send();
    await act(action);
    await stage.reload();
  } catch (error) {
    toast(error);
  }
}

/** Removes the strokes of the plane in view. */
export async function clearStrokes() {
  const image = store.image;
  if (!image) return;
  try {
    await stage.send();
    await act("clear", { key: image.key, plane: store.plane });
    await stage.reload();
  } catch (error) {
    toast(error);
  }
}

/** Changes the size of the brush by a factor, by one pixel at least. */
export function scaleBrush(/** @type {number} */ factor) {
  const scaled = Math.round(store.size * factor);
  const size = scaled === store.size ? scaled + Math.sign(factor - 1) : scaled;
  store.set({ size: Math.min(400, Math.max(1, size)) });
}

/**
 * What each key does, in groups for the sheet.
 * @type {[string, [string, string, string, (event: KeyboardEvent) => void][]][]}
 */
const GROUPS = [
  ["Draw", [
    ["b", "B", "brush", () => store.set({ tool: "brush" })],
    ["e", "E", "eraser; or draw with the right button", () => store.set({ tool: "eraser" })],
    ["[", "[ ]", "smaller or larger brush", () => scaleBrush(1 / 1.25)],
    ["]", "", "", () => scaleBrush(1.25)],
    ["Enter", "Enter", "draw in the middle of the image", paintMiddle],
    ["Delete", "Delete", "clear the strokes of this plane", clearStrokes],
    ["a", "A", "add a class", addClass],
    ["n", "N", "label here next", suggestNext],
    ["p", "P", "pixels similar to one that you click", () => store.set({ tool: "similar" })],
  ]],
  ["Look", [
    ["h", "H", "move; or hold Space, or the middle button", () => store.set({ tool: "hand" })],
    ["+", "+ −", "zoom; or the wheel, or two fingers", () => viewport.zoom(1.4)],
    ["-", "", "", () => viewport.zoom(1 / 1.4)],
    ["=", "", "", () => viewport.zoom(1.4)],
    ["f", "F", "whole image", () => viewport.fit()],
    ["ArrowLeft", "Arrows", "move the image", () => viewport.pan(60, 0)],
    ["ArrowRight", "", "", () => viewport.pan(-60, 0)],
    ["ArrowUp", "", "", () => viewport.pan(0, 60)],
    ["ArrowDown", "", "", () => viewport.pan(0, -60)],
    ["v", "V", "next view: image, segmentation, uncertainty, similar",
      () => store.set({ view: VIEWS[(VIEWS.indexOf(store.view) + 1) % VIEWS.length] })],
    ["s", "S", "side by side", () => store.set({ split: !store.split })],
    ["t", "T", "show or hide strokes", () => store.set({ strokesShown: !store.strokesShown })],
    ["c", "C", "automatic contrast", autoContrast],
    ["<", "", "", () => store.set({ opacity: Math.max(0, store.opacity - 0.1) })],
    [">", "< >", "opacity of the result", () => store.set({ opacity: Math.min(1, store.opacity + 0.1) })],
  ]],
  ["Images", [
    [",", ", .", "image before, image after", () => stepImage(-1)],
    [".", "", "", () => stepImage(1)],
    ["PageUp", "Page ↑ ↓", "plane before, plane after", () => stepPlane(-1)],
    ["PageDown", "", "", () => stepPlane(1)],
    ["o", "O", "add images", chooseFiles],
    ["?", "?", "this sheet", () => showHelp()],
  ]],
];
const KEYS = new Map(GROUPS.flatMap(([, keys]) => keys.map(([key, , , run]) => [key, run])));

/** Shows what all keys do. */
export function showHelp() {
  const groups = GROUPS.map(([title, keys]) => {
    const rows = keys.filter(([, shown]) => shown)
      .map(([, shown, text]) => `<dt>${shown.split(" ").map((key) => `<kbd>${key}</kbd>`).join(" ")}</dt><dd>${text}</dd>`);
    if (title === "Draw") rows.unshift("<dt><kbd>1</kbd> … <kbd>9</kbd></dt><dd>class to draw</dd>");
    if (title === "Images") {
      rows.unshift("<dt><kbd>Ctrl</kbd> <kbd>Z</kbd></dt><dd>undo; with Shift: redo</dd>");
    }
    return `<section><h3>${title}</h3><dl>${rows.join("")}</dl></section>`;
  });
  showDialog("Keyboard and mouse", `<div class="sheet">${groups.join("")}</div>
    <p class="note">Every stroke is saved as you draw it, and answered at once: first a quick answer from the
    strokes alone, then a better one that has also learned from pixels without strokes.</p>`);
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const isText = target instanceof HTMLInputElement && target.type !== "range" && target.type !== "checkbox";
  if (isAddingClass()) event.preventDefault();
  if (isText || isAddingClass() || target instanceof HTMLSelectElement || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
    moveInHistory(key === "y" || event.shiftKey ? "redo" : "undo");
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === " ") {
    if (target instanceof HTMLButtonElement) return;
    holdSpace(true);
    event.preventDefault();
    return;
  }
  const isControl = target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
  if (isControl && (key.startsWith("Arrow") || key === "Enter" || key.startsWith("Page"))) return;
  const digit = "123456789".indexOf(key);
  const run = KEYS.get(key);
  if (digit >= 0 && key.length === 1) chooseClass(digit);
  else if (run) run(event);
  else return;
  event.preventDefault();
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") holdSpace(false);
});
window.addEventListener("blur", () => holdSpace(false));
