/** What the page knows: the server's state, what is in view, and the user's choices. */

/**
 * @typedef {{number: number, name: string, color: string, count: number}} LabelClass
 * @typedef {{key: string, name: string, height: number, width: number, axes: string,
 *   planes: number[], labelled: number[][], missing: boolean}} ImageEntry
 * @typedef {{project: string, path: string, open_paths: boolean, revision: number, session: string,
 *   classes: LabelClass[], images: ImageEntry[], undo: string|null, redo: string|null,
 *   preset: string, presets: string[], channels: (number | string)[] | null}} State
 * @typedef {{version: number, draft: boolean, progress: number, shares: Object<string, number>}}
 *   Answer
 */

const REMEMBERED = ["key", "planes", "tool", "size", "number", "view", "split", "opacity"];
const STORAGE = "umbed";

class Store extends EventTarget {
  constructor() {
    super();
    /** @type {State} */
    this.state = {
      project: "", path: "", open_paths: true, revision: -1, session: "", classes: [], images: [],
      undo: null, redo: null, preset: "", presets: [], channels: null,
    };
    /** Key of the image in view. */
    this.key = "";
    /** Key of an image to the index of its plane in view. @type {Object<string, number[]>} */
    this.planes = {};
    this.tool = "brush";
    /** Diameter of the brush in pixels of the image. */
    this.size = 12;
    /** The class to draw. */
    this.number = 1;
    this.view = "segmentation";
    this.split = false;
    this.opacity = 0.55;
    this.strokesShown = true;
    /** Answers by plane. @type {Map<string, Answer>} */
    this.answers = new Map();
    /** Numbers of the maps of similar pixels, by plane. @type {Map<string, number>} */
    this.similar = new Map();
    try {
      Object.assign(this, JSON.parse(localStorage.getItem(STORAGE) ?? "{}"));
    } catch {
      localStorage.removeItem(STORAGE);
    }
  }

  /** Changes values, remembers the user's choices, and tells listeners which changed. */
  set(/** @type {Object<string, any>} */ values) {
    Object.assign(this, values);
    const kept = Object.fromEntries(REMEMBERED.map((name) => [name, /** @type {any} */ (this)[name]]));
    localStorage.setItem(STORAGE, JSON.stringify(kept));
    this.dispatchEvent(new CustomEvent("change", { detail: new Set(Object.keys(values)) }));
  }

  /** Calls a function now and whenever one of some values has changed. */
  watch(/** @type {string[]} */ names, /** @type {() => void} */ listener) {
    this.addEventListener("change", (event) => {
      const changed = /** @type {CustomEvent} */ (event).detail;
      if (names.some((name) => changed.has(name))) listener();
    });
    listener();
  }

  /** The image in view. @returns {ImageEntry | undefined} */
  get image() {
    return this.state.images.find((image) => image.key === this.key);
  }

  /** The index of the plane in view. @returns {number[]} */
  get plane() {
    const image = this.image;
    if (!image) return [];
    const known = this.planes[image.key] ?? [];
    return image.planes.map((size, at) => Math.min(known[at] ?? size >> 1, size - 1));
  }

  /** Name of the plane in view among all planes. */
  get planeName() {
    return planeName(this.key, this.plane);
  }

  /** The answer for the plane in view. */
  get answer() {
    return this.answers.get(this.planeName);
  }
}

/** Names a plane among all planes of all images. */
export function planeName(/** @type {string} */ key, /** @type {number[]} */ plane) {
  return `${key}/${plane.join(",")}`;
}

export const store = new Store();
