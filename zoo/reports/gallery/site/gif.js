// Animations as GIF89a: frames of one size with a palette of their own, which all of them share.

const COLOURS = 256;

// `frames`, ImageData of one size, shown over and over, each for so many hundredths of a second.
export function gif(frames, hundredths) {
  const [{ width, height }] = frames;
  const palette = colours(frames);
  const nearest = finder(palette);
  const table = palette.flat().concat(Array(3 * (COLOURS - palette.length)).fill(0));
  const bytes = [...text("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0, ...table];
  bytes.push(0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0); // without end
  frames.forEach(({ data }, frame) => {
    const places = Uint8Array.from({ length: width * height }, (_, i) => nearest(data[4 * i], data[4 * i + 1], data[4 * i + 2]));
    bytes.push(0x21, 0xf9, 4, 0, ...word(hundredths[frame]), 0, 0);
    bytes.push(0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, 8);
    const packed = lzw(places);
    for (let i = 0; i < packed.length; i += 255) {
      const block = packed.slice(i, i + 255);
      bytes.push(block.length, ...block);
    }
    bytes.push(0);
  });
  bytes.push(0x3b);
  return new Blob([Uint8Array.from(bytes)], { type: "image/gif" });
}

const text = (words) => [...words].map((letter) => letter.charCodeAt(0));
const word = (value) => [value & 255, value >> 8];

// At most 256 colours: all that there are, or the means of boxes, each the half of one whose longest side is cut at the
// median of its pixels (Heckbert 1982).
function colours(frames) {
  const counts = new Map();
  for (const { data } of frames) {
    for (let i = 0; i < data.length; i += 4) {
      const key = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const all = Array.from(counts, ([key, count]) => ({ rgb: [key >> 16, (key >> 8) & 255, key & 255], count }));
  if (all.length <= COLOURS) return all.map(({ rgb }) => rgb);
  const boxes = [box(all)];
  while (boxes.length < COLOURS) {
    const widest = boxes.reduce((best, each, i) => (each.score > boxes[best].score ? i : best), 0);
    const { members, axis, weight } = boxes[widest];
    members.sort((a, b) => a.rgb[axis] - b.rgb[axis]);
    let [at, sum] = [1, members[0].count];
    while (at < members.length - 1 && sum < weight / 2) sum += members[at++].count;
    boxes.splice(widest, 1, box(members.slice(0, at)), box(members.slice(at)));
  }
  return boxes.map(({ members, weight }) =>
    [0, 1, 2].map((k) => Math.round(members.reduce((sum, { rgb, count }) => sum + rgb[k] * count, 0) / weight)));
}

function box(members) {
  const sides = [0, 1, 2].map((k) => {
    let [low, high] = [255, 0];
    for (const { rgb } of members) [low, high] = [Math.min(low, rgb[k]), Math.max(high, rgb[k])];
    return high - low;
  });
  const axis = sides.indexOf(Math.max(...sides));
  const weight = members.reduce((sum, { count }) => sum + count, 0);
  return { members, axis, weight, score: sides[axis] * Math.sqrt(weight) };
}

// The place in the palette that is nearest to a colour; one that was asked for is not looked for again.
function finder(palette) {
  const known = new Map();
  return (r, g, b) => {
    const key = (r << 16) | (g << 8) | b;
    let found = known.get(key);
    if (found === undefined) {
      let least = Infinity;
      palette.forEach(([pr, pg, pb], i) => {
        const far = (r - pr) ** 2 + (g - pg) ** 2 + (b - pb) ** 2;
        if (far < least) [least, found] = [far, i];
      });
      known.set(key, found);
    }
    return found;
  };
}

// Codes of 9 to 12 bits, the lowest bit first; the table is begun anew when it is full.
function lzw(places) {
  const [clear, end] = [COLOURS, COLOURS + 1];
  const bytes = [];
  let [held, bits, size, next, table] = [0, 0, 9, end + 1, new Map()];
  const put = (code) => {
    held |= code << bits;
    for (bits += size; bits >= 8; bits -= 8, held >>= 8) bytes.push(held & 255);
  };
  put(clear);
  let run = places[0];
  for (let i = 1; i < places.length; i++) {
    const key = (run << 8) | places[i];
    const known = table.get(key);
    if (known !== undefined) {
      run = known;
      continue;
    }
    put(run);
    table.set(key, next);
    if (next++ === 1 << size) size++;
    if (next > 4095) {
      put(clear);
      [size, next, table] = [9, end + 1, new Map()];
    }
    run = places[i];
  }
  put(run);
  put(end);
  if (bits) bytes.push(held & 255);
  return bytes;
}
