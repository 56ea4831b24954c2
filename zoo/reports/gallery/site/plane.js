// Vectors, on the plane of their first and last column; and the density there, if the model has one of two.

const SIDE = 480;
const CELLS = 120;

export class Plane {
  constructor(room, canvas) {
    this.room = room;
    this.canvas = canvas;
    this.frame = null; // stays as it was first, so that one sees what temperature does
  }

  async show({ data, dims: [n, columns] }) {
    const points = Array.from({ length: n }, (_, i) => [Number(data[i * columns]), Number(data[(i + 1) * columns - 1])]);
    this.frame ??= framed(points);
    const density = this.room.about.graphs.log_prob;
    if (density) this.density ??= await this.map(density);
    const { canvas } = this;
    canvas.width = canvas.height = SIDE;
    canvas.style.width = "";
    const context = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    context.fillStyle = style.getPropertyValue("--paper");
    context.fillRect(0, 0, SIDE, SIDE);
    context.imageSmoothingEnabled = true;
    if (this.density) context.drawImage(this.density, 0, 0, SIDE, SIDE);
    context.fillStyle = style.getPropertyValue(this.density ? "--ink" : "--accent");
    context.globalAlpha = 0.6;
    const [low, high] = this.frame;
    for (const [x, y] of points) {
      context.fillRect(((x - low[0]) / (high[0] - low[0])) * SIDE - 1, SIDE - ((y - low[1]) / (high[1] - low[1])) * SIDE - 1, 2, 2);
    }
    context.globalAlpha = 1;
  }

  // The square root of the density, as the card's picture has it, in shades of one colour.
  async map(graph) {
    const [low, high] = this.frame;
    const at = (i, axis) => low[axis] + ((i + 0.5) / CELLS) * (high[axis] - low[axis]);
    const samples = new Float64Array(2 * CELLS * CELLS);
    for (let i = 0; i < CELLS * CELLS; i++) {
      samples[2 * i] = at(i % CELLS, 0);
      samples[2 * i + 1] = at(CELLS - 1 - Math.floor(i / CELLS), 1);
    }
    const { data } = await this.room.engine.run(graph, { samples: { data: samples, dims: [CELLS * CELLS, 2] } });
    const most = data.reduce((a, b) => Math.max(a, Number(b)), -Infinity);
    const canvas = Object.assign(document.createElement("canvas"), { width: CELLS, height: CELLS });
    const context = canvas.getContext("2d");
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--accent");
    data.forEach((nats, i) => {
      context.globalAlpha = Math.exp((Number(nats) - most) / 2);
      context.fillRect(i % CELLS, Math.floor(i / CELLS), 1, 1);
    });
    return canvas;
  }
}

// The corners of a frame with all points but stray ones.
export function framed(points) {
  const ends = [0, 1].map((axis) => {
    const sorted = points.map((point) => point[axis]).sort((a, b) => a - b);
    const [low, high] = [sorted[Math.floor(0.002 * sorted.length)], sorted[Math.ceil(0.998 * sorted.length) - 1]];
    const room = 0.12 * (high - low || 1);
    return [low - room, high + room];
  });
  return [[ends[0][0], ends[1][0]], [ends[0][1], ends[1][1]]];
}
