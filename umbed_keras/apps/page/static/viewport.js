/** Where an image lies on a canvas: a scale and the image's position in the middle. */

/** How many pixels of the screen a pixel of the image may have. */
const LARGEST = 64;

export class Viewport extends EventTarget {
  constructor() {
    super();
    /** Size of the image. */
    this.imageWidth = 1;
    this.imageHeight = 1;
    /** Size of the canvas in CSS pixels. */
    this.width = 1;
    this.height = 1;
    /** CSS pixels of an image's pixel, and what lies in the middle of the canvas. */
    this.scale = 1;
    this.centerX = 0;
    this.centerY = 0;
    this.isFitted = true;
  }

  /** The scale at which the whole image is seen. */
  get fitScale() {
    const fitting = Math.min(
      (this.width - 24) / this.imageWidth, (this.height - 24) / this.imageHeight,
    );
    return Math.max(1e-4, Math.min(fitting, LARGEST / 2));
  }

  /** Shows the whole image. */
  fit() {
    this.isFitted = true;
    this.scale = this.fitScale;
    this.centerX = this.imageWidth / 2;
    this.centerY = this.imageHeight / 2;
    this.#tell();
  }

  /** Takes over the size of the image, and shows all of it. */
  setImage(/** @type {number} */ width, /** @type {number} */ height) {
    if (width === this.imageWidth && height === this.imageHeight) return;
    this.imageWidth = width;
    this.imageHeight = height;
    this.fit();
  }

  /** Takes over the size of the canvas. */
  resize(/** @type {number} */ width, /** @type {number} */ height) {
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (this.isFitted) this.fit();
    else this.#tell();
  }

  /** Position on the canvas of a position in the image. @returns {[number, number]} */
  toCanvas(/** @type {number} */ x, /** @type {number} */ y) {
    return [
      (x - this.centerX) * this.scale + this.width / 2,
      (y - this.centerY) * this.scale + this.height / 2,
    ];
  }

  /** Position in the image of a position on the canvas. @returns {[number, number]} */
  toImage(/** @type {number} */ x, /** @type {number} */ y) {
    return [
      (x - this.width / 2) / this.scale + this.centerX,
      (y - this.height / 2) / this.scale + this.centerY,
    ];
  }

  /** Moves the image by CSS pixels. */
  pan(/** @type {number} */ dx, /** @type {number} */ dy) {
    this.isFitted = false;
    this.centerX -= dx / this.scale;
    this.centerY -= dy / this.scale;
    this.#clamp();
    this.#tell();
  }

  /** Zooms around a position on the canvas. */
  zoom(
    /** @type {number} */ factor,
    /** @type {number} */ x = this.width / 2,
    /** @type {number} */ y = this.height / 2,
  ) {
    const [imageX, imageY] = this.toImage(x, y);
    const least = Math.min(this.fitScale / 2, 1);
    this.scale = Math.min(LARGEST, Math.max(least, this.scale * factor));
    this.centerX = imageX - (x - this.width / 2) / this.scale;
    this.centerY = imageY - (y - this.height / 2) / this.scale;
    this.isFitted = false;
    this.#clamp();
    this.#tell();
  }

  /** Brings a position of the image to the middle, enlarged enough to label it. */
  goTo(/** @type {number} */ x, /** @type {number} */ y) {
    this.isFitted = false;
    this.scale = Math.max(this.scale, Math.min(LARGEST, 3 * this.fitScale, 6));
    this.centerX = x;
    this.centerY = y;
    this.#tell();
  }

  /** Keeps some of the image on the canvas. */
  #clamp() {
    this.centerX = Math.min(this.imageWidth, Math.max(0, this.centerX));
    this.centerY = Math.min(this.imageHeight, Math.max(0, this.centerY));
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
