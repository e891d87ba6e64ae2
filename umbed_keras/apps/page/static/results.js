/** Results: the classifier applied to images, files or a folder, with progress and downloads. */

import { ask, get, upload } from "./api.js";
import { closeDialog, showDialog } from "./dialog.js";
import { onNews } from "./news.js";
import { setProgress } from "./status.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

const holder = /** @type {HTMLElement} */ (document.getElementById("results"));
holder.innerHTML = `
  <div class="two">
    <button data-apply="image">This image</button><button data-apply="all">All images</button>
    <button data-apply="files">Files…</button><button data-apply="path">Folder…</button></div>
  <label class="check"><input type="checkbox" id="measure" checked>Measure objects, as a table</label>
  <div class="options" id="measure-options">
    <label>No object<select id="background"></select></label>
    <label>Least pixels<input type="number" id="min-size" min="1" value="20"></label>
    <label class="check whole"><input type="checkbox" id="divide">Divide objects that touch</label></div>
  <div id="outcome" aria-live="polite"></div>
  <input type="file" id="apply-files" multiple hidden>`;
const element = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

function options() {
  return {
    measure: element("measure").checked,
    background: Number(element("background").value),
    min_size: Math.max(1, Number(element("min-size").value) || 1),
    split: element("divide").checked,
  };
}

/** Begins to apply the classifier. */
async function apply(/** @type {object} */ body) {
  try {
    await ask("apply", { ...options(), ...body });
    show({ done: 0, total: 0, broken: [] });
  } catch (error) {
    toast(error);
  }
}

async function applyToFiles(/** @type {File[]} */ files) {
  if (!files.length) return;
  try {
    await ask("clear_inbox");
    for (const [index, file] of files.entries()) {
      const text = `Sending ${index + 1} of ${files.length}: ${file.name}`;
      await upload("/api/inbox", file, (share) => setProgress(text, share));
    }
    setProgress("");
    await apply({ what: "files" });
  } catch (error) {
    setProgress("");
    toast(error);
  }
}

function askFolder() {
  const place = store.state.open_paths ? "on this machine" : "below what the command was given";
  const dialog = showDialog("Apply to a folder", `<form class="field">
    <label for="apply-path">Folder or file ${place}</label>
    <div class="row"><input id="apply-path" autocomplete="off" placeholder="/data/cells"><button class="primary">Apply</button></div></form>`);
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const path = element("apply-path").value;
    closeDialog();
    apply({ what: "path", path });
  });
  element("apply-path").focus();
}

/**
 * Shows how far the work is, and what there is to download.
 * @param {{done: number, total: number, broken: string[][], objects?: number | null,
 *   finished?: boolean, cancelled?: boolean}} news
 */
async function show(news) {
  const outcome = element("outcome");
  const box = document.createElement("div");
  box.className = "outcome";
  const line = document.createElement("div");
  const good = news.done - news.broken.length;
  const objects = news.objects == null ? "" : `, ${news.objects.toLocaleString("en")} objects`;
  box.append(line);
  if (news.finished || news.cancelled) {
    line.textContent = `${news.cancelled ? "Stopped: " : ""}${good} of ${news.total} images${objects}`;
    const { files } = await get("/api/results");
    const links = document.createElement("div");
    links.className = "two";
    const table = files.find((/** @type {string} */ name) => name === "objects.csv");
    const shown = [["All as ZIP", "/api/results/zip"]];
    if (table) shown.push(["Table (CSV)", "/api/results/file/objects.csv"]);
    if (news.total === 1) {
      for (const kind of ["labels", "overlay", "probability"]) {
        const name = files.find((/** @type {string} */ file) => file.includes(`.${kind}.`));
        if (name) shown.push([kind[0].toUpperCase() + kind.slice(1), `/api/results/file/${encodeURIComponent(name)}`]);
      }
    }
    for (const [text, path] of shown) {
      const link = document.createElement("a");
      link.className = "button";
      link.href = path;
      link.download = "";
      link.textContent = text;
      links.append(link);
    }
    if (files.length) box.append(links);
  } else {
    line.textContent = news.total ? `${news.done} of ${news.total} images` : "Learning first…";
    const bar = document.createElement("progress");
    if (news.total) Object.assign(bar, { max: news.total, value: news.done });
    const stop = document.createElement("button");
    stop.textContent = "Stop";
    stop.addEventListener("click", async () => {
      await ask("cancel").catch(toast);
      show({ ...news, cancelled: true });
    });
    box.append(bar, stop);
  }
  if (news.broken.length) {
    const list = document.createElement("ul");
    for (const [name, reason] of news.broken) {
      const item = document.createElement("li");
      item.textContent = `${name}: ${reason}`;
      list.append(item);
    }
    const title = document.createElement("div");
    title.textContent = "Left out:";
    box.append(title, list);
  }
  outcome.replaceChildren(box);
}

holder.addEventListener("click", (event) => {
  const what = /** @type {HTMLElement} */ (event.target).dataset.apply;
  if (what === "image") apply({ what, key: store.key });
  if (what === "all") apply({ what });
  if (what === "files") element("apply-files").click();
  if (what === "path") askFolder();
});
element("apply-files").addEventListener("change", () => {
  const files = [...element("apply-files").files];
  element("apply-files").value = "";
  applyToFiles(files);
});
element("measure").addEventListener("change", () => {
  element("measure-options").hidden = !element("measure").checked;
});
element("background").addEventListener("change", () => {
  element("background").dataset.chosen = element("background").value;
});
onNews("applied", show);
onNews("failed", () => element("outcome").replaceChildren());
store.watch(["state"], () => {
  const select = element("background"), { classes } = store.state;
  const before = select.dataset.chosen;
  select.replaceChildren(new Option("none", "0"), ...classes.map(({ name, number }) => new Option(name, String(number))));
  const known = [...select.options].some((option) => option.value === before);
  if (before && known) select.value = before;
  else select.value = String(classes.find(({ name }) => name === "background")?.number ?? 0);
});
