// Latents, as zoo.latent has them: the way between two, truncation, and coordinates along directions.

// Shapes of tensors.bin, which holds float32 numbers one after another.
export function tensor(buffer, place) {
  const count = place.shape.reduce((a, b) => a * b, 1);
  return { data: new Float32Array(buffer, 4 * place.offset, count), shape: place.shape };
}

export const dot = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

// zoo.latent.slerp: the angle is walked at constant speed, the norm linearly.
export function slerp(a, b, t) {
  const [normA, normB] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
  if (normA === 0 || normB === 0) return lerp(a, b, t);
  const middle = a.map((x, i) => x / normA + b[i] / normB);
  const across = a.map((x, i) => b[i] / normB - x / normA);
  const [cosine, sine] = [Math.sqrt(dot(middle, middle)), Math.sqrt(dot(across, across))];
  if (cosine < 5e-7 || sine === 0) return lerp(a, b, t);
  const angle = (2 * t - 1) * Math.atan2(sine, cosine);
  const norm = (1 - t) * normA + t * normB;
  return a.map((_, i) => norm * (Math.cos(angle) * middle[i] / cosine + Math.sin(angle) * across[i] / sine));
}

export const lerp = (a, b, t) => a.map((x, i) => x + t * (b[i] - x));

// Φ(x) by its series about 0 (Marsaglia 2004).
function normal(x) {
  let [sum, term] = [x, x];
  for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && i < 400; i += 2) sum += term *= x * x / i;
  return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}

// zoo.latent.truncate: the monotone map to the normal distribution cut off at ± t; its inverse by halving.
export function truncate(z, t) {
  if (t <= 0) return z.map(() => 0);
  const below = normal(-t);
  return z.map((x) => {
    const share = below + normal(-Math.min(Math.abs(x), 8)) * (1 - 2 * below);
    let [low, high] = [-t, 0];
    for (let i = 0; i < 40; i++) {
      const half = (low + high) / 2;
      if (normal(half) < share) low = half;
      else high = half;
    }
    return Math.sign(x) * -(low + high) / 2;
  });
}

// A .npy file of float32 numbers (Python's struct of them, version 1.0).
export function npy(data, shape) {
  const words = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = words.padEnd(64 * Math.ceil((words.length + 11) / 64) - 11, " ") + "\n";
  const start = new Uint8Array([0x93, ...[..."NUMPY"].map((c) => c.charCodeAt(0)), 1, 0, header.length & 255, header.length >> 8]);
  return new Blob([start, header, Float32Array.from(data)], { type: "application/octet-stream" });
}
