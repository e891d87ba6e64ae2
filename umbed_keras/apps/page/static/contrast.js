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

/** A slider of one limit of channels that have it in common. */
function slider(/** @type {Channel[]} */ channels, /** @type {number} */ end, /** @type {HTMLElement} */ text) {
  const input = document.createElement("input");
  const [channel] = channels;
  const [low, high] = channel.range;
  const span = high - low || 1;
  Object.assign(input, { type: "range", min: "0", max: "1000" });
  input.value = String(1000 * Math.sqrt(Math.max(0, (channel.limits[end] - low) / span)));
  const name = channels.length > 1 ? "colours" : channel.name;
  input.setAttribute("aria-label", `${name}: ${end ? "bright" : "dark"} limit`);
  input.addEventListener("input", () => {
    const value = low + span * (Number(input.value) / 1000) ** 2;
    for (const { limits } of channels) {
      limits[end] = value;
      if (limits[0] >= limits[1]) limits[1 - end] = value + (end ? -1 : 1) * span / 1000;
    }
    text.textContent = limitsText(channel);
    keep();
  });
  return input;
}

function limitsText(/** @type {Channel} */ channel) {
  return `${number(channel.limits[0], channel)} to ${number(channel.limits[1], channel)}`;
}

/** A box that shows or hides a channel. */
function toggle(/** @type {Channel} */ channel) {
  const label = document.createElement("label");
  const shown = document.createElement("input");
  const name = document.createElement("span");
  shown.type = "checkbox";
  shown.checked = channel.shown;
  shown.addEventListener("change", () => {
    channel.shown = shown.checked;
    keep();
  });
  name.textContent = channel.name;
  label.append(shown, name);
  return label;
}

/** The colour in which a channel is shown. */
function colorField(/** @type {Channel} */ channel) {
  const color = document.createElement("input");
  color.type = "color";
  color.value = `#${channel.color}`;
  color.title = `Colour of ${channel.name}`;
  color.setAttribute("aria-label", color.title);
  color.addEventListener("input", () => {
    channel.color = color.value.slice(1);
    keep();
  });
  return color;
}

/** Draws the controls of the image in view: colours have one pair of limits together. */
function render() {
  const details = known.get(store.key);
  holder.replaceChildren();
  if (!details) return;
  const { channels, rgb } = details;
  const groups = rgb ? [channels.slice(0, 3), ...channels.slice(3).map((channel) => [channel])]
    : channels.map((channel) => [channel]);
  for (const group of groups) {
    const row = document.createElement("fieldset"), legend = document.createElement("legend");
    const text = document.createElement("output"), toggles = document.createElement("span");
    row.className = "channel";
    toggles.className = "toggles";
    text.textContent = limitsText(group[0]);
    if (channels.length > 1) toggles.append(...group.map(toggle));
    else toggles.textContent = "intensity";
    legend.append(toggles, text);
    if (group.length === 1) legend.append(colorField(group[0]));
    row.append(legend, slider(group, 0, text), slider(group, 1, text));
    holder.append(row);
  }
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
