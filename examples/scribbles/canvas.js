// Strokes in the colours of classes over an image. After each, `value` holds all of them as a PNG.
// Gradio hands in: element, props, trigger and watch.
const picture = element.querySelector("img");
const canvas = element.querySelector("canvas");
const size = element.querySelector("input");
const pens = [...element.querySelectorAll("button[data-colour]")];
let strokes = [];

function choose(pen) {
  pens.forEach((other) => other.classList.toggle("chosen", other === pen));
}

function draw(stroke) {
  const context = canvas.getContext("2d");
  context.globalCompositeOperation = stroke.colour ? "source-over" : "destination-out";
  context.strokeStyle = stroke.colour || "black";
  context.lineWidth = stroke.size;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  stroke.points.forEach(([x, y]) => context.lineTo(x, y));
  // A single point is a dot.
  context.lineTo(...stroke.points.at(-1));
  context.stroke();
}

function redraw() {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  strokes.forEach(draw);
}

function send() {
  props.value = { opened: props.opened, strokes: canvas.toDataURL("image/png") };
  trigger("input");
}

function keep(kept) {
  if (!strokes.length) return;
  strokes = kept;
  redraw();
  send();
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) * canvas.width) / box.width,
    ((event.clientY - box.top) * canvas.height) / box.height,
  ];
}

picture.addEventListener("load", () => {
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  // As wide as there is room, but no higher than the window.
  picture.parentElement.style.width = `min(100%, ${(85 * canvas.width) / canvas.height}vh)`;
});
function open() {
  strokes = [];
  redraw();
  picture.src = props.image;
}
watch("opened", open);
// Someone was quicker than this script.
if (props.image) open();

let current = null;
canvas.addEventListener("pointerdown", (event) => {
  if (!props.image || event.button) return;
  canvas.setPointerCapture(event.pointerId);
  const { colour } = element.querySelector(".chosen").dataset;
  current = { colour, size: Number(size.value), points: [point(event)] };
  draw(current);
});
canvas.addEventListener("pointermove", (event) => {
  if (!current) return;
  current.points.push(point(event));
  redraw();
  draw(current);
});
for (const end of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(end, () => {
    if (!current) return;
    strokes.push(current);
    current = null;
    redraw();
    send();
  });
}

pens.forEach((pen) => pen.addEventListener("click", () => choose(pen)));
element.querySelector(".undo").addEventListener("click", () => keep(strokes.slice(0, -1)));
element.querySelector(".clear").addEventListener("click", () => keep([]));
element.addEventListener("keydown", (event) => {
  const pen = pens.find((pen) => pen.dataset.key === event.key.toLowerCase());
  if (pen) choose(pen);
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) keep(strokes.slice(0, -1));
});
