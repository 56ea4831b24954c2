// Pictures: tensors (n, channels, height, width) in [0, 1] onto canvases, and what people bring as tensors.

const HEAVY = 100e6; // bytes of a file that no photo has

// Image `index` of a tensor as ImageData, rounded to the nearest of 256 levels, as zoo.images.to_pil does.
export function imageData({ data, dims }, index = 0) {
  const [, channels, height, width] = dims;
  const area = height * width;
  const image = new ImageData(width, height);
  for (let i = 0; i < area; i++) {
    for (let k = 0; k < 3; k++) {
      const value = data[(index * channels + (channels < 3 ? 0 : k)) * area + i];
      image.data[4 * i + k] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}

export function show(canvas, images, index = 0) {
  [canvas.height, canvas.width] = images.dims.slice(2);
  canvas.getContext("2d").putImageData(imageData(images, index), 0, 0);
  enlarge(canvas, 256);
}

// Small images are shown larger, by whole pixels.
export function enlarge(canvas, side) {
  const times = Math.max(1, Math.round(side / Math.max(canvas.width, canvas.height)));
  canvas.style.width = `${times * canvas.width}px`;
}

export function strip(canvas, images) {
  const [n, , height, width] = images.dims;
  [canvas.width, canvas.height] = [n * width, height];
  const context = canvas.getContext("2d");
  for (let i = 0; i < n; i++) context.putImageData(imageData(images, i), i * width, 0);
  canvas.style.width = `${Math.max(1, Math.round(900 / canvas.width)) * canvas.width}px`;
}

// A file as a bitmap, upright. Throws sentences.
export async function read(file) {
  const name = file.name ? `“${file.name}”` : "What was pasted";
  if (file.size > HEAVY) throw new Error(`${name} has ${Math.round(file.size / 1e6)} MB, too many for a picture to be read here. Take a smaller one.`);
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`${name} could not be read as a picture: it is none, it is damaged, or it is larger than this browser takes.`);
  }
}

// How a picture of any size becomes one that is asked for: the part of it that is kept, its size, and what to say.
export function fit(width, height, wanted) {
  if (wanted.shape) {
    const [, tall, wide] = wanted.shape;
    const scale = Math.min(width / wide, height / tall);
    const [w, h] = [wide * scale, tall * scale];
    const cut = width - w > 1 || height - h > 1 ? `the middle of ${width}×${height} pixels` : `${width}×${height} pixels`;
    const said = width === wide && height === tall ? "" : `Of your picture, ${cut} as ${wide}×${tall}, which the model takes.`;
    return { from: [(width - w) / 2, (height - h) / 2, w, h], size: [wide, tall], said };
  }
  const scale = Math.min(1, wanted.largest / Math.max(width, height));
  const side = (x) => Math.floor(Math.round(x * scale) / wanted.multiple) * wanted.multiple;
  const size = [side(width), side(height)];
  if (Math.min(...size) < Math.max(wanted.smallest, wanted.multiple)) {
    throw new Error(`A picture of ${width}×${height} pixels is too ${width < height ? "narrow" : "low"} for this model, which takes sides of ${Math.max(wanted.smallest, wanted.multiple)} to ${wanted.largest} pixels. Cut another part out.`);
  }
  const said = size[0] === width && size[1] === height ? "" : `Your picture of ${width}×${height} pixels as ${size[0]}×${size[1]}: larger ones take long in a browser, and none in Python.`;
  return { from: [0, 0, width, height], size, said };
}

// A bitmap or canvas, fitted, on `canvas`; transparent parts are kept as such.
export function put(canvas, source, { from, size }) {
  [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, ...from, 0, 0, ...size);
  enlarge(canvas, 256);
}

// The pixels of a canvas as a tensor (1, channels, height, width); a fourth channel says which are known. What is
// transparent is white, or black where it is unknown.
export function pixels(canvas, channels) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const area = width * height;
  const made = new Float32Array(channels * area);
  for (let i = 0; i < area; i++) {
    const alpha = data[4 * i + 3] / 255;
    const known = alpha >= 0.5;
    const rgb = [0, 1, 2].map((k) => (channels === 4 ? (known ? data[4 * i + k] / 255 : 0) : (data[4 * i + k] * alpha) / 255 + 1 - alpha));
    if (channels === 1) made[i] = rgb[0] === rgb[1] && rgb[1] === rgb[2] ? rgb[0] : Math.round(255 * (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2])) / 255;
    else for (let k = 0; k < 3; k++) made[k * area + i] = rgb[k];
    if (channels === 4) made[3 * area + i] = known ? 1 : 0;
  }
  return { data: made, dims: [1, channels, height, width] };
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export const savePng = (canvas, name) => canvas.toBlob((blob) => save(blob, name), "image/png");
