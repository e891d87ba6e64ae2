/** The strokes of a plane: a class for each labelled pixel, in tiles that exist where needed. */

export const SIDE = 256;
const HEAD = 8;

/**
 * @typedef {{row: number, col: number, labels: Uint8Array, canvas: OffscreenCanvas,
 *   isDirty: boolean, isDrawn: boolean}} Tile
 */

export class Strokes {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    /** Red, green, blue and opacity of each class. */
    this.colors = new Uint8Array(4 * 256);
  }

  /** Takes over tiles of the server. */
  load(/** @type {ArrayBuffer} */ content) {
    this.tiles.clear();
    const view = new DataView(content);
    for (let start = 0; start < content.byteLength; start += HEAD + SIDE * SIDE) {
      const tile = this.#tile(view.getUint32(start, true), view.getUint32(start + 4, true));
      tile.labels.set(new Uint8Array(content, start + HEAD, SIDE * SIDE));
    }
  }

  /** Sets the colours of classes. @param {{number: number, color: string}[]} classes */
  setColors(classes) {
    this.colors.fill(0);
    for (const { number, color } of classes) {
      const value = parseInt(color.slice(1), 16);
      this.colors.set([value >> 16, (value >> 8) & 255, value & 255, 255], 4 * number);
    }
    for (const tile of this.tiles.values()) tile.isDrawn = false;
  }

  /**
   * Labels the pixels around a line.
   * @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1
   * @param {number} size diameter in pixels
   * @param {number} number class, 0 to erase
   */
  paint(x0, y0, x1, y1, size, number) {
    const radius = size / 2;
    if (size <= 1) [x0, y0, x1, y1] = [x0, y0, x1, y1].map((at) => Math.floor(at) + 0.5);
    const reach = Math.max(radius, 0.71);
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
    const right = Math.min(this.width - 1, Math.floor(Math.max(x0, x1) + reach));
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
    const bottom = Math.min(this.height - 1, Math.floor(Math.max(y0, y1) + reach));
    const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy || 1e-9;
    const limit = (size <= 1 ? 0.5 : radius) ** 2 + 1e-6;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const px = x + 0.5 - x0, py = y + 0.5 - y0;
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length));
        const ox = px - along * dx, oy = py - along * dy;
        if (ox * ox + oy * oy <= limit) this.#set(x, y, number);
      }
    }
  }

  /** The class of a pixel, 0 where there is none. */
  at(/** @type {number} */ x, /** @type {number} */ y) {
    const tile = this.tiles.get(`${Math.floor(y / SIDE)},${Math.floor(x / SIDE)}`);
    return tile ? tile.labels[(y % SIDE) * SIDE + (x % SIDE)] : 0;
  }

  /** Takes the tiles that have changed since the last call. @returns {Uint8Array | null} */
  takeChanged() {
    const changed = [...this.tiles.values()].filter((tile) => tile.isDirty);
    if (!changed.length) return null;
    const content = new Uint8Array(changed.length * (HEAD + SIDE * SIDE));
    const view = new DataView(content.buffer);
    changed.forEach((tile, index) => {
      const start = index * (HEAD + SIDE * SIDE);
      view.setUint32(start, tile.row, true);
      view.setUint32(start + 4, tile.col, true);
      content.set(tile.labels, start + HEAD);
      tile.isDirty = false;
    });
    return content;
  }

  /**
   * Draws the strokes.
   * @param {CanvasRenderingContext2D} context
   * @param {import("./viewport.js").Viewport} viewport
   */
  draw(context, viewport) {
    const [left, top] = viewport.toImage(0, 0);
    const [right, bottom] = viewport.toImage(viewport.width, viewport.height);
    for (const tile of this.tiles.values()) {
      const x = tile.col * SIDE, y = tile.row * SIDE;
      if (x > right || y > bottom || x + SIDE < left || y + SIDE < top) continue;
      if (!tile.isDrawn) this.#render(tile);
      const [canvasX, canvasY] = viewport.toCanvas(x, y);
      const side = SIDE * viewport.scale;
      context.drawImage(tile.canvas, canvasX, canvasY, side, side);
    }
  }

  #set(/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ number) {
    const row = Math.floor(y / SIDE), col = Math.floor(x / SIDE);
    if (!number && !this.tiles.has(`${row},${col}`)) return;
    const tile = this.#tile(row, col);
    const index = (y % SIDE) * SIDE + (x % SIDE);
    if (tile.labels[index] === number) return;
    tile.labels[index] = number;
    tile.isDirty = true;
    tile.isDrawn = false;
  }

  #tile(/** @type {number} */ row, /** @type {number} */ col) {
    const name = `${row},${col}`;
    let tile = this.tiles.get(name);
    if (!tile) {
      const canvas = new OffscreenCanvas(SIDE, SIDE);
      const labels = new Uint8Array(SIDE * SIDE);
      tile = { row, col, labels, canvas, isDirty: false, isDrawn: false };
      this.tiles.set(name, tile);
    }
    return tile;
  }

  #render(/** @type {Tile} */ tile) {
    const pixels = new ImageData(SIDE, SIDE);
    const target = new Uint32Array(pixels.data.buffer);
    const colors = new Uint32Array(this.colors.buffer);
    for (let index = 0; index < target.length; index++) target[index] = colors[tile.labels[index]];
    tile.canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    tile.isDrawn = true;
  }
}
