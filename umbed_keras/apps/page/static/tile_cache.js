/** Pictures of tiles, fetched when they are needed; old ones stay until new ones are there. */

/** @typedef {{bitmap: ImageBitmap | null, url: string, wanted: string, used: number}} Slot */

const MOST = 600;

export class TileCache extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Slot>} */
    this.slots = new Map();
    this.clock = 0;
    this.loading = 0;
  }

  /**
   * Returns the picture of a slot, which may be an older one, and fetches a new one if its address
   * has changed.
   * @param {string} name
   * @param {string} url
   * @returns {ImageBitmap | null}
   */
  get(name, url) {
    let slot = this.slots.get(name);
    if (!slot) {
      slot = { bitmap: null, url: "", wanted: "", used: 0 };
      this.slots.set(name, slot);
      this.#forgetOldest();
    }
    slot.used = ++this.clock;
    if (slot.wanted !== url) {
      slot.wanted = url;
      this.#load(slot, url);
    }
    return slot.bitmap;
  }

  /** Returns the picture of a slot if there is one. @returns {ImageBitmap | null} */
  peek(/** @type {string} */ name) {
    return this.slots.get(name)?.bitmap ?? null;
  }

  async #load(/** @type {Slot} */ slot, /** @type {string} */ url) {
    this.loading += 1;
    try {
      const response = await fetch(url);
      if (!response.ok) return;
      const bitmap = await createImageBitmap(await response.blob());
      if (slot.wanted !== url) return bitmap.close();
      slot.bitmap?.close();
      slot.bitmap = bitmap;
      slot.url = url;
    } catch {
      if (slot.wanted === url) slot.wanted = ""; // asked for again at the next drawing
    } finally {
      this.loading -= 1;
      this.dispatchEvent(new Event("change"));
    }
  }

  #forgetOldest() {
    if (this.slots.size <= MOST) return;
    const oldest = [...this.slots].sort((one, other) => one[1].used - other[1].used);
    for (const [name, slot] of oldest.slice(0, MOST / 4)) {
      slot.bitmap?.close();
      slot.bitmap = null;
      slot.wanted = "";
      this.slots.delete(name);
    }
  }
}
