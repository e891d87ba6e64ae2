/** Short messages that go away by themselves. */

/** Shows a message. */
export function toast(/** @type {any} */ message, isError = message instanceof Error) {
  const text = message instanceof Error ? message.message : String(message);
  const holder = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  for (const other of holder.children) if (other.textContent === text) other.remove();
  const toast = document.createElement("div");
  toast.className = isError ? "toast error" : "toast";
  toast.textContent = text;
  toast.addEventListener("click", () => toast.remove());
  holder.append(toast);
  setTimeout(() => toast.remove(), Math.max(5000, 80 * text.length));
}
