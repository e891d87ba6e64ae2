/** "Label here next": places that the classifier would like to have labelled, one after the other. */

import { ask } from "./api.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

/** @type {{key: string, plane: number[], row: number, col: number}[]} */
let places = [];
let revision = -1;

/** Goes to the next place; new ones are looked for once strokes have changed. */
export function suggestNext() {
  if (revision === store.state.revision && places.length) {
    show();
    return;
  }
  const image = store.image;
  ask("suggest", { key: image && !image.missing ? image.key : "", plane: store.plane }).catch(toast);
}

/** Takes over new places, and goes to the first. */
export function takeSuggestions(/** @type {typeof places} */ found) {
  places = found;
  revision = store.state.revision;
  if (places.length) show();
  else toast("There is no place left that would tell much.");
}

function show() {
  const place = places.shift();
  if (!place) return;
  store.set({ key: place.key, planes: { ...store.planes, [place.key]: place.plane } });
  if (store.tool !== "brush") store.set({ tool: "brush" });
  stage.viewport.goTo(place.col + 0.5, place.row + 0.5);
  stage.first.mark = [place.col, place.row];
  stage.redraw();
  const text = /** @type {HTMLElement} */ (document.getElementById("place"));
  text.textContent = `Which class is this? x ${place.col}, y ${place.row}`;
}

/** @type {HTMLElement} */ (document.getElementById("suggest")).addEventListener("click", suggestNext);
