/** The dialog of the project: open, save a copy, begin another one, choose the preset. */

import { act, refresh, upload } from "./api.js";
import { detailsOf } from "./contrast.js";
import { closeDialog, showDialog } from "./dialog.js";
import { chooseFiles } from "./images.js";
import { stage } from "./stage.js";
import { setProgress } from "./status.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

const labels = /** @type {HTMLInputElement} */ (document.getElementById("labels-file"));

function showProject() {
  const { path, project, presets, preset, open_paths: isLocal } = store.state;
  const dialog = showDialog("Project", `
    <p class="note">Saved after each change${isLocal ? " in " : "."}<code class="path"></code></p>
    <div class="buttons">
      <button data-do="files"><svg class="icon"><use href="/static/icons.svg#upload"/></svg>Add images, or open a project file</button>
      <a class="button" href="/api/project" download><svg class="icon"><use href="/static/icons.svg#download"/></svg>Save a copy of the project</a>
      <button data-do="labels"><svg class="icon"><use href="/static/icons.svg#image"/></svg>Import a label image for this image</button>
      <button data-do="new"><svg class="icon"><use href="/static/icons.svg#plus"/></svg>Begin an empty project</button>
    </div>
    <form class="field"><label for="path-field">${isLocal ? "Image, folder or project on this machine" : "Path below what the command was given"}</label>
      <div class="row"><input id="path-field" placeholder="/data/cells" autocomplete="off"><button>Open</button></div></form>
    <div class="field"><label for="preset-field">Preset of the vectors that the classifier learns from</label>
      <select id="preset-field"></select></div>
    <fieldset class="field learned" hidden><legend>Channels that the classifier learns from</legend></fieldset>`);
  const find = (/** @type {string} */ selector) => /** @type {any} */ (dialog.querySelector(selector));
  find(".path").textContent = isLocal ? path : "";
  find("a").download = project;
  find("[data-do=files]").addEventListener("click", () => {
    closeDialog();
    chooseFiles();
  });
  find("[data-do=labels]").addEventListener("click", () => {
    closeDialog();
    if (store.image) labels.click();
    else toast("Open an image first.");
  });
  find("[data-do=new]").addEventListener("click", () => {
    closeDialog();
    act("new_project").catch(toast);
  });
  find("form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    openPath(find("#path-field").value);
  });
  renderChannels(find(".learned"));
  const select = find("#preset-field");
  for (const name of new Set([preset, ...presets])) select.add(new Option(name, name, false, name === preset));
  select.addEventListener("change", () => {
    closeDialog();
    store.set({ answers: new Map(), similar: new Map() });
    act("set_preset", { preset: select.value }).catch(toast);
  });
}

/** Boxes of the channels to learn from, for images whose channels are no colours. */
function renderChannels(/** @type {HTMLElement} */ holder) {
  const details = detailsOf(store.key);
  if (!details || details.rgb || details.channels.length < 2) return;
  holder.hidden = false;
  const { channels } = store.state;
  details.channels.forEach(({ name }, index) => {
    const label = document.createElement("label"), box = document.createElement("input");
    const text = document.createElement("span");
    box.type = "checkbox";
    box.value = String(index);
    box.checked = !channels || channels.includes(index) || channels.includes(name);
    text.textContent = name;
    label.append(box, text);
    holder.append(label);
  });
  holder.addEventListener("change", () => {
    const boxes = [...holder.querySelectorAll("input")];
    const chosen = boxes.filter((box) => box.checked).map((box) => Number(box.value));
    store.set({ answers: new Map(), similar: new Map() });
    act("set_channels", { channels: chosen.length === boxes.length ? null : chosen }).catch((error) => {
      toast(error);
      for (const box of boxes) box.checked = true;
    });
  });
}

async function openPath(/** @type {string} */ path) {
  const before = new Set(store.state.images.map((image) => image.key));
  try {
    const broken = await act("open_path", { path });
    closeDialog();
    for (const [name, reason] of Object.entries(broken ?? {})) toast(`${name}: ${reason}`, true);
    const added = store.state.images.find((image) => !before.has(image.key));
    if (added) store.set({ key: added.key });
  } catch (error) {
    toast(error);
  }
}

labels.addEventListener("change", async () => {
  const file = labels.files?.[0], image = store.image;
  labels.value = "";
  if (!file || !image) return;
  try {
    await upload(`/api/images/${image.key}/labels`, file, (share) => setProgress(`Importing ${file.name}`, share));
    await refresh();
    await stage.reload();
  } catch (error) {
    toast(error);
  } finally {
    setProgress("");
  }
});

const name = /** @type {HTMLElement} */ (document.getElementById("project-name"));
store.watch(["state"], () => {
  name.textContent = store.state.project.replace(/\.umbed$/, "") || "project";
  document.title = `${name.textContent}, umbed`;
});
/** @type {HTMLElement} */ (document.getElementById("project-button")).addEventListener("click", showProject);
