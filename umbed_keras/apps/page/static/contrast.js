/** Channels, their colours and limits, of each image. */

import { get } from "./api.js";
import { store } from "./store.js";
import { toast } from "./toasts.js";

/**
 * @typedef {{name: string, color: string, limits: number[], auto: number[], range: number[],
 *   shown: boolean}} Channel
 * @typedef {{channels: Channel[], rgb: boolean, dtype: string, pixel_size: Object<string, number>,
 *   unit: string | null}} Details
 */

const STORAGE = "umbed contrast";
/** @type {Map<string, Details>} */
const known = new Map();
/** @type {Object<string, {color: string, limits: number[], shown: boolean}[]>} */
let chosen = {};
try {
  chosen = JSON.parse(localStorage.getItem(STORAGE) ?? "{}");
} catch {
  localStorage.removeItem(STORAGE);
}

const holder = /** @type {HTMLElement} */ (document.getElementById("contrast"));

/** The parameters of the tiles of an image, or nothing while they are not known. */
export function channelQuery(/** @type {string} */ key) {
  const details = known.get(key);
  if (!details) return "";
  return details.channels
    .map((channel, index) => ({ ...channel, index }))
    .filter((channel) => channel.shown)
    .map(({ index, color, limits }) => `c=${index}:${color}:${limits[0]}:${limits[1]}`)
    .join("&") || `c=0:000000:0:1`;
}

/** Details of an image, if they are known. @returns {Details | undefined} */
export function detailsOf(/** @type {string} */ key) {
  return known.get(key);
}

/** Sets the limits of the image in view to the percentiles, or back to the natural ones. */
export function autoContrast() {
  const details = known.get(store.key);
  if (!details) return;
  const isAuto = details.channels.every((channel) => same(channel.limits, channel.auto));
  for (const channel of details.channels) {
    channel.limits = isAuto ? [...channel.range] : [...channel.auto];
  }
  keep();
  render();
}

/** Uses the channels and limits of the image in view for all images with as many channels. */
function useForAll() {
  const details = known.get(store.key);
  if (!details) return;
  const settings = details.channels.map(({ color, limits, shown }) => ({ color, limits, shown }));
  for (const image of store.state.images) {
    const other = known.get(image.key);
    if (!other || other.channels.length === settings.length) chosen[image.key] = structuredClone(settings);
    if (other) take(other, chosen[image.key]);
  }
  localStorage.setItem(STORAGE, JSON.stringify(chosen));
  store.set({ contrast: {} });
  toast("All images are shown with these channels and limits.");
}

function same(/** @type {number[]} */ one, /** @type {number[]} */ other) {
  return one[0] === other[0] && one[1] === other[1];
}

function take(/** @type {Details} */ details, /** @type {any[] | undefined} */ settings) {
  if (settings?.length !== details.channels.length) return;
  details.channels.forEach((channel, index) => Object.assign(channel, structuredClone(settings[index])));
}

/** Remembers the settings of the image in view, and shows them. */
function keep() {
  const details = known.get(store.key);
  if (!details) return;
  chosen[store.key] = details.channels.map(({ color, limits, shown }) => ({ color, limits, shown }));
  localStorage.setItem(STORAGE, JSON.stringify(chosen));
  store.set({ contrast: {} });
}

function number(/** @type {number} */ value, /** @type {Channel} */ channel) {
  const span = channel.range[1] - channel.range[0];
  return span > 20 ? String(Math.round(value)) : value.toPrecision(3);
}

function slider(/** @type {Channel} */ channel, /** @type {number} */ end, /** @type {HTMLElement} */ text) {
  const input = document.createElement("input");
  const [low, high] = channel.range;
  input.type = "range";
  input.min = "0";
  input.max = "1000";
  const span = high - low || 1;
  input.value = String(1000 * Math.sqrt(Math.max(0, (channel.limits[end] - low) / span)));
  input.setAttribute("aria-label", `${channel.name}: ${end ? "bright" : "dark"} limit`);
  input.addEventListener("input", () => {
    const value = low + span * (Number(input.value) / 1000) ** 2;
    channel.limits[end] = value;
    if (channel.limits[0] >= channel.limits[1]) channel.limits[1 - end] = value + (end ? -1 : 1) * span / 1000;
    text.textContent = `${number(channel.limits[0], channel)} to ${number(channel.limits[1], channel)}`;
    keep();
  });
  return input;
}

/** Draws the controls of the image in view. */
function render() {
  const details = known.get(store.key);
  holder.replaceChildren();
  if (!details) return;
  details.channels.forEach((channel) => {
    const row = document.createElement("fieldset");
    row.className = "channel";
    const legend = document.createElement("legend");
    const label = document.createElement("label");
    const shown = document.createElement("input");
    shown.type = "checkbox";
    shown.checked = channel.shown;
    shown.addEventListener("change", () => {
      channel.shown = shown.checked;
      keep();
    });
    const color = document.createElement("input");
    color.type = "color";
    color.value = `#${channel.color}`;
    color.title = `Colour of ${channel.name}`;
    color.setAttribute("aria-label", color.title);
    color.addEventListener("input", () => {
      channel.color = color.value.slice(1);
      keep();
    });
    const text = document.createElement("output");
    text.textContent = `${number(channel.limits[0], channel)} to ${number(channel.limits[1], channel)}`;
    const name = document.createElement("span");
    name.textContent = details.channels.length === 1 ? "intensity" : channel.name;
    if (details.channels.length > 1) label.append(shown);
    label.append(name);
    legend.append(label, text);
    if (!details.rgb) legend.append(color);
    row.append(legend, slider(channel, 0, text), slider(channel, 1, text));
    holder.append(row);
  });
}

async function fetchDetails() {
  const image = store.image;
  if (!image || image.missing || known.has(image.key)) return;
  const details = await get(`/api/images/${image.key}`);
  take(details, chosen[image.key]);
  known.set(image.key, details);
  store.set({ contrast: {} });
}

let rendered = "";
store.watch(["state", "key", "contrast"], () => {
  fetchDetails().catch(toast);
  const name = known.has(store.key) ? store.key : "";
  if (name !== rendered) {
    rendered = name;
    render();
  }
});
/** @type {HTMLElement} */ (document.getElementById("contrast-auto")).addEventListener("click", autoContrast);
/** @type {HTMLElement} */ (document.getElementById("contrast-all")).addEventListener("click", () => {
  useForAll();
  render();
});
