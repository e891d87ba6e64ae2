/** Thumbnails, planes, and how images come to the page. */

import { act, ask, refresh, upload } from "./api.js";
import { stage } from "./stage.js";
import { store } from "./store.js";
import { setProgress } from "./status.js";
import { toast } from "./toasts.js";

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const strip = element("thumbnails");
const files = /** @type {HTMLInputElement} */ (element("files"));

/** Shows the image that lies some steps after the one in view. */
export function stepImage(/** @type {number} */ step) {
  const { images } = store.state;
  const at = images.findIndex((image) => image.key === store.key);
  if (images.length) store.set({ key: images[(at + step + images.length) % images.length].key });
}

/** Shows another plane of the image in view. */
export function stepPlane(/** @type {number} */ step, axis = -1) {
  const image = store.image;
  if (!image?.planes.length) return;
  const plane = [...store.plane];
  const at = axis < 0 ? plane.length - 1 : axis;
  plane[at] = Math.min(image.planes[at] - 1, Math.max(0, plane[at] + step));
  store.set({ planes: { ...store.planes, [image.key]: plane } });
}

/** Opens the dialog of files. */
export function chooseFiles() {
  files.click();
}

/** Adds files to the project, or opens a project. */
export async function addFiles(/** @type {File[]} */ chosen) {
  const broken = [];
  const before = new Set(store.state.images.map((image) => image.key));
  for (const [index, file] of chosen.entries()) {
    try {
      const name = chosen.length > 1 ? `${index + 1} of ${chosen.length}: ${file.name}` : file.name;
      const answer = await upload("/api/upload", file, (share) => setProgress(`Adding ${name}`, share));
      for (const [path, reason] of Object.entries(answer.broken)) broken.push(`${path}: ${reason}`);
    } catch (error) {
      broken.push(`${file.name}: ${/** @type {Error} */ (error).message}`);
    }
  }
  setProgress("");
  await refresh();
  const added = store.state.images.find((image) => !before.has(image.key));
  if (added) store.set({ key: added.key });
  for (const text of broken.slice(0, 5)) toast(text, true);
  if (broken.length > 5) toast(`${broken.length} files could not be used.`, true);
}

function thumbnail(/** @type {import("./store.js").ImageEntry} */ image) {
  let item = /** @type {HTMLElement | null} */ (strip.querySelector(`[data-key="${image.key}"]`));
  if (!item) {
    item = document.createElement("div");
    item.className = "thumbnail";
    item.dataset.key = image.key;
    item.innerHTML = `<button role="radio" class="choose"><span class="picture"><img alt="" loading="lazy"></span>
      <span class="caption"><i class="dot"></i><span class="file"></span></span></button>
      <button class="tool small remove"><svg class="icon small"><use href="/static/icons.svg#close"/></svg></button>`;
    const part = (/** @type {string} */ selector) => /** @type {any} */ (item?.querySelector(selector));
    part(".choose").addEventListener("click", () => store.set({ key: image.key }));
    part(".remove").addEventListener("click", () => {
      act("remove_image", { key: image.key })
        .then(() => toast(`${image.name} is removed from the project. Undo brings it back.`)).catch(toast);
    });
    if (!image.missing) part("img").src = `/api/images/${image.key}/thumbnail`;
  }
  const part = (/** @type {string} */ selector) => /** @type {any} */ (item?.querySelector(selector));
  const isChosen = image.key === store.key;
  const isLabelled = image.labelled.length > 0;
  part(".choose").setAttribute("aria-checked", String(isChosen));
  part(".choose").tabIndex = isChosen ? 0 : -1;
  part(".choose").setAttribute("aria-label",
    `${image.name}${isLabelled ? ", has strokes" : ""}${image.missing ? ", missing" : ""}`);
  part(".choose").title = `${image.name}, ${image.width} × ${image.height}`;
  part(".remove").setAttribute("aria-label", `Remove ${image.name} from the project`);
  part(".remove").title = "Remove from the project; the file stays";
  part(".file").textContent = image.name;
  item.classList.toggle("chosen", isChosen);
  item.classList.toggle("labelled", isLabelled);
  item.classList.toggle("missing-file", image.missing);
  return item;
}

function render() {
  const { images } = store.state;
  if (images.length && !store.image) {
    store.key = images[0].key;
    queueMicrotask(() => store.set({ key: store.key }));
  }
  const items = images.map(thumbnail);
  if (items.length !== strip.children.length || items.some((item, at) => strip.children[at] !== item)) {
    strip.replaceChildren(...items);
  }
  strip.querySelector(".chosen")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  renderPlanes();
}

function renderPlanes() {
  const image = store.image, holder = element("planes");
  holder.hidden = !image?.planes.length;
  if (!image?.planes.length) return;
  const plane = store.plane;
  if (holder.dataset.key !== image.key) {
    holder.dataset.key = image.key;
    holder.replaceChildren(...image.planes.map((size, axis) => {
      const label = document.createElement("label");
      const word = image.axes[axis] === "t" ? "Time" : "Depth";
      label.innerHTML = `<span>${word}</span><input type="range" min="0" max="${size - 1}"><output></output>`;
      const input = /** @type {HTMLInputElement} */ (label.querySelector("input"));
      input.addEventListener("input", () => stepPlane(Number(input.value) - store.plane[axis], axis));
      return label;
    }));
  }
  [...holder.children].forEach((label, axis) => {
    const input = /** @type {HTMLInputElement} */ (label.querySelector("input"));
    input.value = String(plane[axis]);
    const isLabelled = image.labelled.some((index) => index.join() === plane.join());
    /** @type {any} */ (label.querySelector("output")).textContent =
      `${plane[axis] + 1} of ${image.planes[axis]}${isLabelled ? " •" : ""}`;
  });
}

let timer = 0;

/** Tells the server what is in view, so that it answers for that. */
export function tellView() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const image = store.image;
    const { centerX, centerY } = stage.viewport;
    ask("view", { key: image && !image.missing ? image.key : "", plane: store.plane, row: centerY, col: centerX })
      .catch(() => {});
  }, 150);
}

let shown = "";
store.watch(["state", "key", "planes"], () => {
  render();
  const name = `${store.state.session}${store.planeName}${store.image?.missing}`;
  if (name !== shown && store.state.revision >= 0) {
    shown = name;
    tellView();
  }
});
stage.viewport.addEventListener("change", () => {
  const image = store.image;
  if (image && image.width * image.height > 3 << 20) tellView();
});
strip.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  stepImage(step);
  /** @type {HTMLElement | null} */ (strip.querySelector(".chosen .choose"))?.focus();
  event.preventDefault();
  event.stopPropagation();
});
files.addEventListener("change", () => {
  addFiles([...(files.files ?? [])]);
  files.value = "";
});
element("open-button").addEventListener("click", chooseFiles);
element("empty-open").addEventListener("click", chooseFiles);
for (const name of ["dragenter", "dragover"]) {
  window.addEventListener(name, (event) => {
    event.preventDefault();
    element("drop").hidden = false;
  });
}
window.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) element("drop").hidden = true;
});
window.addEventListener("drop", (event) => {
  event.preventDefault();
  element("drop").hidden = true;
  addFiles([...(event.dataTransfer?.files ?? [])]);
});
