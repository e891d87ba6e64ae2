/** One dialog for all that needs one. */

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("dialog"));

/** Shows a dialog, and returns its element. */
export function showDialog(/** @type {string} */ title, /** @type {string} */ content) {
  dialog.innerHTML = `<header><h2 id="dialog-title"></h2>
    <button class="tool" aria-label="Close"><svg class="icon"><use href="/static/icons.svg#close"/></svg></button></header>
    <div class="content">${content}</div>`;
  /** @type {HTMLElement} */ (dialog.querySelector("h2")).textContent = title;
  dialog.querySelector("header button")?.addEventListener("click", () => dialog.close());
  if (!dialog.open) dialog.showModal();
  return dialog;
}

/** Closes the dialog. */
export function closeDialog() {
  dialog.close();
}

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
