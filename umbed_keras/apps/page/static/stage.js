/** The middle of the page: one or two panes with one viewport, and the strokes of the plane. */

import { Refused, get, sendStrokes, settled } from "./api.js";
import { channelQuery } from "./contrast.js";
import { Pane } from "./pane.js";
import { store } from "./store.js";
import { Strokes } from "./strokes.js";
import { TileCache } from "./tile_cache.js";
import { toast } from "./toasts.js";
import { Viewport } from "./viewport.js";

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

class Stage {
  constructor() {
    this.viewport = new Viewport();
    const tiles = new TileCache();
    this.tiles = tiles;
    this.first = new Pane(/** @type {HTMLCanvasElement} */ (element("canvas")), this.viewport, tiles);
    this.second = new Pane(
      /** @type {HTMLCanvasElement} */ (element("canvas-second")), this.viewport, tiles,
    );
    /** The strokes of a plane, and which it is. */
    this.strokes = new Strokes(1, 1);
    this.place = { key: "", plane: /** @type {number[]} */ ([]), name: "" };
    /** Whether the strokes are those of the server: before, nothing may be drawn on them. */
    this.isReady = false;
    this.frame = 0;
    this.viewport.addEventListener("change", () => this.redraw());
    tiles.addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.#resize()).observe(element("panes"));
    store.watch(["state", "key", "planes"], () => this.#follow());
    store.watch(["view", "split", "opacity", "strokesShown", "answers", "similar", "contrast", "size", "tool", "key", "state"],
      () => this.#arrange());
  }

  /** Draws everything at the next frame. */
  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.first.draw();
      if (store.split) this.second.draw();
      document.documentElement.toggleAttribute("data-loading", this.tiles.loading > 0);
    });
  }

  /** Sends what was drawn. */
  async send() {
    const content = this.strokes.takeChanged();
    if (!content) return;
    try {
      await sendStrokes(this.place.key, this.place.plane, content);
    } catch (error) {
      toast(error);
      this.reload();
    }
  }

  /** Fetches the strokes of the plane in view anew, once the server has all that was drawn. */
  async reload() {
    const image = store.image, { key, plane, name } = this.place;
    if (!image || image.key !== key) return;
    this.isReady = false;
    await settled();
    let content;
    try {
      const response = await get(`/api/images/${key}/strokes?plane=${plane}`);
      content = await response.arrayBuffer();
    } catch (error) {
      if (error instanceof Refused) toast(error);
      else if (name === this.place.name) setTimeout(() => this.reload(), 1000);
      return;
    }
    if (name !== this.place.name) return;
    const strokes = new Strokes(image.width, image.height);
    strokes.load(content);
    strokes.setColors(store.state.classes);
    this.strokes = strokes;
    this.first.strokes = strokes;
    this.isReady = true;
    this.redraw();
  }

  /** Forgets which plane is shown, so that its strokes are fetched anew. */
  forget() {
    this.place = { key: "", plane: [], name: "" };
    this.isReady = false;
  }

  /** Shows the image and the plane that were chosen. */
  #follow() {
    const image = store.image;
    element("empty").hidden = store.state.images.length > 0 || store.state.revision < 0;
    const missing = element("missing");
    missing.hidden = !image?.missing;
    if (image?.missing) {
      missing.textContent = `${image.name} is not where it was. Its strokes are kept: add the file or its folder again.`;
    }
    if (image && !image.missing) {
      this.viewport.setImage(image.width, image.height);
      if (this.place.name !== store.planeName) {
        this.send(); // a stroke that is not at its end
        this.place = { key: image.key, plane: store.plane, name: store.planeName };
        this.strokes = new Strokes(image.width, image.height);
        this.first.strokes = this.strokes;
        this.first.mark = null;
        this.reload();
      }
    } else if (!image) {
      this.forget();
      this.first.strokes = null;
    }
    this.strokes.setColors(store.state.classes);
    this.redraw();
  }

  /** Decides what each pane shows. */
  #arrange() {
    const { view, split, opacity } = store;
    const map = view === "image" ? "" : view;
    this.first.map = split ? "" : map;
    this.first.mapOpacity = opacity;
    this.first.strokesOpacity = store.strokesShown ? 1 : 0;
    this.second.map = map || "segmentation";
    this.second.showsImage = false;
    const isBrush = store.tool === "brush" || store.tool === "eraser";
    this.first.brush = isBrush ? store.size : 0;
    this.second.brush = this.first.brush;
    const channels = channelQuery(store.key);
    this.first.channels = channels;
    this.second.channels = channels;
    if (element("canvas-second").hidden === split) {
      element("canvas-second").hidden = !split;
      element("panes").classList.toggle("split", split);
      this.#resize();
    }
    this.redraw();
  }

  #resize() {
    this.first.resize();
    this.second.resize();
    this.viewport.resize(this.first.canvas.clientWidth, this.first.canvas.clientHeight);
    this.redraw();
  }
}

export const stage = new Stage();
