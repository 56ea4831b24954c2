// Runs graphs away from the page, which stays responsive. The runtime is loaded with the first of them.
import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

const WASM = { url: new URL("./runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href, bytes: 14239897 };
const sessions = new Map();
let queue = Promise.resolve();
let runtime;

async function fetched({ url, bytes }, what) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${what} could not be loaded: the server says ${answer.status}.`);
  const parts = [];
  let done = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done: end, value } = await reader.read();
    if (end) break;
    parts.push(value);
    done += value.length;
    postMessage({ loading: what, share: Math.min(1, done / bytes) });
  }
  const whole = new Uint8Array(done);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function start() {
  ort.env.wasm.numThreads = 1; // several need headers that plain servers do not send
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = (await fetched(WASM, "The runtime")).buffer;
}

async function session(graph) {
  if (!sessions.has(graph.url)) {
    runtime ??= start();
    await runtime;
    sessions.set(graph.url, await ort.InferenceSession.create(await fetched(graph, "The model"), { executionProviders: ["wasm"] }));
  }
  postMessage({ loading: null });
  return sessions.get(graph.url);
}

async function run({ graph, feeds }) {
  const made = await session(graph);
  const given = Object.fromEntries(Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
  const started = performance.now();
  const results = await made.run(given);
  const [output] = Object.values(results);
  return { data: output.data, dims: output.dims, took: performance.now() - started };
}

onmessage = ({ data: { id, ...task } }) => {
  queue = queue.then(() => run(task)).then(
    (result) => postMessage({ id, result }),
    (error) => postMessage({ id, error: String(error.message ?? error) }),
  );
};
