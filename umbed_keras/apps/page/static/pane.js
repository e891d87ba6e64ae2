/** A canvas that shows an image, a map of results over it or alone, and strokes. */

import { store } from "./store.js";

const SIDE = 512;

export class Pane {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./viewport.js").Viewport} viewport
   * @param {import("./tile_cache.js").TileCache} tiles
   */
  constructor(canvas, viewport, tiles) {
    this.canvas = canvas;
    this.viewport = viewport;
    this.tiles = tiles;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** What is drawn. */
    this.showsImage = true;
    this.map = "";
    this.mapOpacity = 1;
    this.strokesOpacity = 1;
    /** Parameters of the image's tiles: channels and limits. */
    this.channels = "";
    /** @type {import("./strokes.js").Strokes | null} */
    this.strokes = null;
    /** Position of the pointer in the image, for the outline of the brush. @type {number[] | null} */
    this.pointer = null;
    this.brush = 0;
    /** A place to look at. @type {number[] | null} */
    this.mark = null;
    this.hasCross = false;
  }

  /** Takes over the size of the element. */
  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    const width = Math.max(1, Math.round(clientWidth * ratio));
    const height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }

  draw() {
    const { context, viewport } = this;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, viewport.width, viewport.height);
    const image = store.image;
    if (!image || image.missing) return;
    const [left, top] = viewport.toCanvas(0, 0);
    const [right, bottom] = viewport.toCanvas(image.width, image.height);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    const version = this.#mapVersion();
    context.fillStyle = this.showsImage || version ? "#000" : "#8881";
    context.fillRect(left, top, right - left, bottom - top);
    const plane = store.plane.join(",");
    const base = `/api/images/${image.key}`;
    if (this.showsImage && this.channels) {
      this.#drawTiles(`${image.key}/${plane}/image`, (level, row, col) =>
        `${base}/tiles/${level}/${row}/${col}?plane=${plane}&${this.channels}`);
    }
    if (version) {
      context.globalAlpha = this.mapOpacity;
      this.#drawTiles(`${image.key}/${plane}/${this.map}`, (level, row, col) =>
        `${base}/maps/${this.map}/${level}/${row}/${col}?plane=${plane}&v=${version}`);
      context.globalAlpha = 1;
    }
    if (this.strokes && this.strokesOpacity) {
      context.imageSmoothingEnabled = viewport.scale * ratio < 1;
      context.globalAlpha = this.strokesOpacity;
      this.strokes.draw(context, viewport);
      context.globalAlpha = 1;
    }
    context.restore();
    this.#drawMarks();
  }

  /** Text that changes with the map, or nothing if there is none for this plane. */
  #mapVersion() {
    if (this.map === "similar") return store.similar.get(store.planeName) ?? "";
    const answer = store.answer;
    if (!this.map || !answer) return "";
    const colors = this.map === "segmentation" ? store.state.classes.map((part) => part.color) : [];
    return `${answer.version}${answer.draft ? "d" : ""}${answer.progress.toFixed(4)}${colors.join("")}`
      .replaceAll("#", "-");
  }

  /**
   * Draws the tiles in view at the level that suits the scale; coarser ones until they are there.
   * @param {string} name
   * @param {(level: number, row: number, col: number) => string} url
   */
  #drawTiles(name, url) {
    const { context, viewport, tiles } = this;
    const image = /** @type {import("./store.js").ImageEntry} */ (store.image);
    const ratio = window.devicePixelRatio || 1;
    context.imageSmoothingEnabled = viewport.scale * ratio < 1;
    context.imageSmoothingQuality = "high";
    const level = Math.max(0, Math.floor(Math.log2(1 / (viewport.scale * ratio)) + 0.01));
    const side = SIDE * 2 ** level;
    const [left, top] = viewport.toImage(0, 0);
    const [right, bottom] = viewport.toImage(viewport.width, viewport.height);
    const lastRow = Math.min(Math.ceil(image.height / side) - 1, Math.floor(bottom / side));
    const lastCol = Math.min(Math.ceil(image.width / side) - 1, Math.floor(right / side));
    for (let row = Math.max(0, Math.floor(top / side)); row <= lastRow; row++) {
      for (let col = Math.max(0, Math.floor(left / side)); col <= lastCol; col++) {
        const bitmap = tiles.get(`${name}/${level}/${row}/${col}`, url(level, row, col));
        if (bitmap) this.#drawBitmap(bitmap, level, row, col, [0, 0, bitmap.width, bitmap.height]);
        else this.#drawCoarser(name, level, row, col);
      }
    }
  }

  /** Draws a part of a coarser tile in place of one. */
  #drawCoarser(
    /** @type {string} */ name, /** @type {number} */ level, /** @type {number} */ row, /** @type {number} */ col,
  ) {
    for (let up = 1; up <= 6; up++) {
      const part = SIDE >> up;
      const bitmap = this.tiles.peek(`${name}/${level + up}/${row >> up}/${col >> up}`);
      if (!bitmap) continue;
      const x = (col % (1 << up)) * part, y = (row % (1 << up)) * part;
      const width = Math.min(part, bitmap.width - x), height = Math.min(part, bitmap.height - y);
      if (width > 0 && height > 0) this.#drawBitmap(bitmap, level, row, col, [x, y, width, height], up);
      return;
    }
  }

  #drawBitmap(
    /** @type {ImageBitmap} */ bitmap, /** @type {number} */ level, /** @type {number} */ row,
    /** @type {number} */ col, /** @type {number[]} */ [x, y, width, height], up = 0,
  ) {
    const pixel = 2 ** level, side = SIDE * pixel;
    const [left, top] = this.viewport.toCanvas(col * side, row * side);
    const size = pixel * 2 ** up * this.viewport.scale;
    this.context.drawImage(bitmap, x, y, width, height, left, top, width * size, height * size);
  }

  #drawMarks() {
    const { context, viewport } = this;
    if (this.mark) {
      const [x, y] = viewport.toCanvas(this.mark[0] + 0.5, this.mark[1] + 0.5);
      for (const [width, color] of /** @type {[number, string][]} */ ([[4, "#000a"], [2, "#fff"]])) {
        context.lineWidth = width;
        context.strokeStyle = color;
        context.beginPath();
        context.arc(x, y, 18, 0, 2 * Math.PI);
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(x + 12 * dx, y + 12 * dy);
          context.lineTo(x + 24 * dx, y + 24 * dy);
        }
        context.stroke();
      }
    }
    const at = this.pointer ?? (this.hasCross ? [viewport.centerX, viewport.centerY] : null);
    if (!at || !this.brush) return;
    const [x, y] = viewport.toCanvas(at[0], at[1]);
    const radius = Math.max(2, (this.brush / 2) * viewport.scale);
    for (const [width, color] of /** @type {[number, string][]} */ ([[3, "#0008"], [1.25, "#fff"]])) {
      context.lineWidth = width;
      context.strokeStyle = color;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}
