/** Drawing, erasing, moving and zooming by mouse, pen and fingers. */

import { ask } from "./api.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

const { viewport } = stage;
/** Pointers that are down, by their number, with positions on the canvas. @type {Map<number, number[]>} */
const down = new Map();
/** What the pointer does. */
let action = "";
let last = [0, 0];
let isSpace = false;
let hasPinched = false;

/** Holds the space bar, with which every tool moves the image. */
export function holdSpace(/** @type {boolean} */ isDown) {
  isSpace = isDown;
  setCursor();
}

function setCursor() {
  const isHand = isSpace || store.tool === "hand" || action === "pan";
  const cursor = isHand ? (action === "pan" ? "grabbing" : "grab") : store.tool === "similar" ? "crosshair" : "none";
  for (const pane of [stage.first, stage.second]) pane.canvas.style.cursor = cursor;
}

function position(/** @type {MouseEvent} */ event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

/** Draws from one position on the canvas to another. */
function paint(/** @type {number[]} */ from, /** @type {number[]} */ to) {
  const [x0, y0] = viewport.toImage(from[0], from[1]);
  const [x1, y1] = viewport.toImage(to[0], to[1]);
  stage.strokes.paint(x0, y0, x1, y1, store.size, action === "erase" ? 0 : store.number);
  stage.redraw();
}

/** Draws where the middle of the canvas is, for those who use no pointer. */
export function paintMiddle() {
  const { centerX, centerY } = viewport;
  if (store.tool === "similar") return findSimilar(centerX, centerY);
  if (!stage.isReady) return;
  stage.strokes.paint(centerX, centerY, centerX, centerY, store.size, store.tool === "eraser" ? 0 : store.number);
  stage.first.mark = null;
  stage.redraw();
  stage.send();
}

function findSimilar(/** @type {number} */ x, /** @type {number} */ y) {
  const image = store.image;
  const col = Math.floor(x), row = Math.floor(y);
  if (!image || col < 0 || row < 0 || col >= image.width || row >= image.height) return;
  stage.first.mark = [col, row];
  store.set({ view: "similar" });
  ask("similar", { key: image.key, plane: store.plane, row, col }).catch(toast);
}

function start(/** @type {PointerEvent} */ event) {
  const canvas = /** @type {HTMLCanvasElement} */ (event.currentTarget);
  canvas.setPointerCapture(event.pointerId);
  const at = position(event);
  down.set(event.pointerId, at);
  last = at;
  if (!store.image || store.image.missing) return;
  if (down.size === 2) { // a second finger: no stroke, but moving and zooming
    if (action === "draw" || action === "erase") stage.reload();
    action = "pinch";
    hasPinched = true;
    return;
  }
  const isPan = event.button === 1 || isSpace || store.tool === "hand";
  if (isPan) action = "pan";
  else if (event.button === 0 && store.tool === "similar") {
    const [x, y] = viewport.toImage(at[0], at[1]);
    findSimilar(x, y);
  } else if (stage.isReady && (event.button === 0 || event.button === 2)) {
    const isErasing = store.tool === "eraser" || event.button === 2 || event.buttons === 32;
    action = isErasing ? "erase" : "draw";
    stage.first.mark = null;
    paint(at, at);
  }
  if (event.button === 1) event.preventDefault();
  setCursor();
}

function move(/** @type {PointerEvent} */ event) {
  const at = position(event);
  const [x, y] = viewport.toImage(at[0], at[1]);
  stage.first.pointer = event.pointerType === "touch" ? null : [x, y];
  stage.second.pointer = stage.first.pointer;
  showPlace(x, y);
  if (action === "pinch" && down.has(event.pointerId)) pinch(event.pointerId, at);
  else if (action === "pan") viewport.pan(at[0] - last[0], at[1] - last[1]);
  else if (action === "draw" || action === "erase") {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length ? events : [event]) {
      const to = [part.clientX - box.left, part.clientY - box.top];
      paint(last, to);
      last = to;
    }
  } else stage.redraw();
  if (down.has(event.pointerId)) down.set(event.pointerId, at);
  last = at;
}

function pinch(/** @type {number} */ moved, /** @type {number[]} */ at) {
  const [other] = [...down].filter(([id]) => id !== moved).map(([, place]) => place);
  const before = /** @type {number[]} */ (down.get(moved));
  if (!other) return;
  const distance = (/** @type {number[]} */ point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
  viewport.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
  viewport.zoom(distance(at) / Math.max(1, distance(before)), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
}

function end(/** @type {PointerEvent} */ event) {
  down.delete(event.pointerId);
  if ((action === "draw" || action === "erase") && !hasPinched) stage.send();
  if (!down.size) {
    action = "";
    hasPinched = false;
  }
  setCursor();
}

/** Shows where the pointer is, and what is there. */
function showPlace(/** @type {number} */ x, /** @type {number} */ y) {
  const image = store.image;
  const place = /** @type {HTMLElement} */ (document.getElementById("place"));
  const col = Math.floor(x), row = Math.floor(y);
  if (!image || col < 0 || row < 0 || col >= image.width || row >= image.height) {
    place.textContent = "";
    return;
  }
  const label = store.state.classes.find((given) => given.number === stage.strokes.at(col, row));
  place.textContent = `x ${col}, y ${row}${label ? ` · ${label.name}` : ""}`;
}

for (const pane of [stage.first, stage.second]) {
  const { canvas } = pane;
  canvas.addEventListener("pointerdown", start);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => {
    stage.first.pointer = stage.second.pointer = null;
    stage.redraw();
  });
  canvas.addEventListener("mousedown", (event) => {
    if (event.button === 1) event.preventDefault(); // which would scroll
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = position(event);
    const lines = event.deltaMode === 1 ? 20 : 1;
    viewport.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), at[0], at[1]);
  }, { passive: false });
}
stage.first.canvas.addEventListener("focus", () => {
  stage.first.hasCross = stage.first.canvas.matches(":focus-visible");
  stage.first.canvas.classList.toggle("ring", stage.first.hasCross);
  stage.redraw();
});
stage.first.canvas.addEventListener("blur", () => {
  stage.first.hasCross = false;
  stage.first.canvas.classList.remove("ring");
  stage.redraw();
});
store.watch(["tool"], setCursor);
