/** What the page is doing, in one line. */

import { watchUnsent } from "./api.js";
import { store } from "./store.js";

const holder = /** @type {HTMLElement} */ (document.getElementById("status"));
const text = /** @type {HTMLElement} */ (document.getElementById("status-text"));
let unsent = 0;
let progress = "";
let isAway = false;
/** @type {string[]} */
let tasks = [];
let waiting = "";

const WORDS = { answer: "Learning", similar: "Comparing", suggest: "Looking for places", apply: "Applying" };

function show() {
  let line = "";
  let isBusy = true;
  const answer = store.answer;
  if (isAway) line = "The server is away. Strokes wait here.";
  else if (progress) line = progress;
  else if (tasks.length) {
    line = `${WORDS[/** @type {keyof WORDS} */ (tasks[0])] ?? tasks[0]}…`;
    if (tasks[0] === "answer" && answer?.draft) line = "Quick answer, refining…";
    if (answer && answer.progress < 1) line = `Classifying, ${Math.round(100 * answer.progress)} %`;
  } else if (unsent) line = "Saving…";
  else {
    isBusy = false;
    line = !store.state.images.length ? "" : waiting || "Saved";
  }
  text.textContent = line;
  holder.classList.toggle("busy", isBusy);
  holder.classList.toggle("away", isAway);
}

/** Shows how far something is; an empty text ends that. */
export function setProgress(/** @type {string} */ what, share = 0) {
  progress = what && `${what}, ${Math.round(100 * share)} %`;
  show();
}

/** Takes over the names of the tasks that run. */
export function setTasks(/** @type {string[]} */ names) {
  tasks = names;
  show();
}

/** Shows what the user has to do before there is an answer. */
export function setWaiting(/** @type {string} */ what) {
  waiting = what;
  show();
}

/** Shows whether the server can be reached. */
export function setAway(/** @type {boolean} */ is) {
  isAway = is;
  show();
}

watchUnsent((count) => {
  unsent = count;
  show();
});
store.watch(["state", "answers", "key"], show);
