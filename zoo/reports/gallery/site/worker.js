// Runs graphs away from the page, which stays responsive. The runtime is loaded with the first of them.
import * as ort from "./runtime/ort.wasm.bundle.min.mjs";

const WASM = { url: new URL("./runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href, bytes: 14239897 };
const sessions = new Map();
let queue = Promise.resolve();

// The parts of an answer as they come, with the page told how much of `bytes` is there.
async function* parts(answer, bytes, what) {
  let done = 0;
  for (const reader = answer.body.getReader(); ;) {
    const { done: end, value } = await reader.read();
    if (end) return;
    done += value.length;
    postMessage({ loading: what, share: Math.min(1, done / bytes) });
    yield value;
  }
}

async function asked(url, init, what) {
  const answer = await plain(url, init);
  if (!answer.ok) throw new Error(`${what} could not be loaded: the server says ${answer.status}.`);
  return answer;
}

async function model({ url, bytes }) {
  const all = [];
  for await (const part of parts(await asked(url, {}, "The model"), bytes, "The model")) all.push(part);
  return new Uint8Array(await new Blob(all).arrayBuffer());
}

// The runtime fetches its own WebAssembly, since browsers keep compiled what they compile as it comes, and nothing else.
const plain = self.fetch;
let lacking; // why that could not be
let watched; // when all of it has come, or is known not to
self.fetch = async (url, init) => {
  if (String(url) !== WASM.url) return plain(url, init);
  try {
    const answer = await asked(url, init, "The runtime");
    watched = watch(answer.clone()).catch(() => {}); // of what is broken the answer itself tells
    return answer;
  } catch (error) {
    lacking = error;
    throw error;
  }
};

async function watch(answer) {
  for await (const part of parts(answer, WASM.bytes, "The runtime")) void part;
}

async function create(graph) {
  ort.env.wasm.numThreads = 1; // several need headers that plain servers do not send
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { wasm: WASM.url };
  const bytes = await model(graph);
  try {
    const made = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    await watched;
    return made;
  } catch (error) {
    throw lacking ?? error;
  }
}

async function session(graph) {
  if (!sessions.has(graph.url)) sessions.set(graph.url, await create(graph));
  return sessions.get(graph.url);
}

async function run(id, { graph, feeds }) {
  const made = await session(graph);
  postMessage({ computing: id });
  const given = Object.fromEntries(Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
  const started = performance.now();
  const results = await made.run(given);
  const [output] = Object.values(results);
  return { data: output.data, dims: output.dims, took: performance.now() - started };
}

onmessage = ({ data: { id, ...task } }) => {
  queue = queue.then(() => run(id, task)).then(
    (result) => postMessage({ id, result }),
    (error) => postMessage({ id, error: String(error.message ?? error) }),
  );
};
