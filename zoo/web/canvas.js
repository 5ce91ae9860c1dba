// Values to pixels, marks on them, and where a click fell. It imports nothing: a page may hold it inside itself.

/** Draw values in [0, 1], (C, H, W) one after the other with C 1 or 3, on a canvas that becomes W x H pixels large. */
export function paint(canvas, values, [channels, height, width]) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      picture.data[4 * i + channel] = Math.round(255 * values[channels === 1 ? i : channel * plane + i]);  // it clamps
    }
    picture.data[4 * i + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

/** Where in an element a pointer's event fell: [across, down], each from 0 to 1. */
export function placeIn(element, event) {
  const box = element.getBoundingClientRect();
  const share = (at, low, size) => Math.min(1, Math.max(0, (at - low) / size));
  return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
}

/** Clear a canvas and draw a ring at [across, down], each from 0 to 1; one canvas pixel is one of the screen. */
export function mark(canvas, [across, down]) {
  const scale = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  const context = canvas.getContext("2d");
  for (const [colour, width] of [["#ffffff", 6], ["#d6336c", 3]]) {
    context.beginPath();
    context.arc(across * canvas.width, down * canvas.height, 9 * scale, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = width * scale;
    context.stroke();
  }
}
