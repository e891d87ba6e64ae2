/** Requests to the server; changes go one after the other, and wait while it is away. */

import { store } from "./store.js";

let unsent = 0;
/** @type {Promise<any>} */
let queue = Promise.resolve();
/** @type {(count: number) => void} */
let onUnsent = () => {};

/** Sets what is called with the number of changes that the server has not saved yet. */
export function watchUnsent(/** @type {(count: number) => void} */ listener) {
  onUnsent = listener;
}

window.addEventListener("beforeunload", (event) => {
  if (unsent) event.preventDefault();
});

/** An error that the server explains. */
export class Refused extends Error {}

/** Reads the answer to a request. @returns {Promise<any>} */
async function read(/** @type {Response} */ response) {
  if (response.ok) return response.headers.get("content-type")?.includes("json") ? response.json() : response;
  const text = await response.text();
  let reason = text || response.statusText;
  try {
    reason = JSON.parse(text).error;
  } catch { /* not JSON */ }
  throw new Refused(reason);
}

/** Gets JSON, or the response itself if it is something else. @returns {Promise<any>} */
export async function get(/** @type {string} */ path) {
  return read(await fetch(path));
}

/**
 * Sends a change after those before it, again and again until the server has it.
 * @param {string} path
 * @param {BodyInit} body
 * @returns {Promise<any>}
 */
function change(path, body) {
  unsent += 1;
  onUnsent(unsent);
  const sent = queue.then(async () => {
    for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
      let response;
      try {
        response = await fetch(path, { method: "POST", body });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait));
        continue;
      }
      return read(response);
    }
  });
  queue = sent.catch(() => {});
  return sent.finally(() => {
    unsent -= 1;
    onUnsent(unsent);
  });
}

/** Waits until the server has all changes that were made. */
export function settled() {
  return queue;
}

/** Lets the server do something that changes nothing, at once. */
export async function ask(/** @type {string} */ action, /** @type {object} */ body = {}) {
  return read(await fetch(`/api/do/${action}`, { method: "POST", body: JSON.stringify(body) }));
}

/** Makes a change, and takes over the state that follows. @returns {Promise<any>} */
export async function act(/** @type {string} */ action, /** @type {object} */ body = {}) {
  const answer = await change(`/api/do/${action}`, JSON.stringify(body));
  takeState(answer.state);
  return answer.result;
}

/** Sends tiles of strokes. @param {string} key @param {number[]} plane @param {Uint8Array} tiles */
export async function sendStrokes(key, plane, tiles) {
  takeState(await change(`/api/images/${key}/strokes?plane=${plane}`, new Blob([tiles])));
}

/** Sends a file, and tells how much of it has gone. @returns {Promise<any>} */
export function upload(
  /** @type {string} */ path, /** @type {File} */ file, /** @type {(share: number) => void} */ progress,
) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Refused(`${file.name} could not be sent.`));
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch { /* not JSON */ }
      if (request.status < 300) resolve(answer);
      else reject(new Refused(/** @type {any} */ (answer).error ?? request.statusText));
    };
    request.send(file);
  });
}

/** Takes over a state, unless a newer one is known. */
export function takeState(/** @type {any} */ state) {
  if (state.revision >= store.state.revision || state.session !== store.state.session) {
    store.set({ state: { ...store.state, ...state } });
  }
}

/** Asks for the state. */
export async function refresh() {
  const state = await get("/api/state");
  store.set({ state });
}
