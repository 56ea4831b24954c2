// The page's side of the worker: graphs by what their ports are called and of what type.
const SOON = 500; // milliseconds after which it is said that something is computed
const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array };

export class Engine {
  constructor(loading) {
    this.loading = loading;
    this.waiting = new Map();
    this.paces = new Map(); // milliseconds that a graph takes for a sample, by its file
    this.count = 0;
  }

  // What a graph makes of values by the names of its inputs: {data, dims, took}. Values are arrays of numbers with `dims`.
  run(graph, values) {
    if (typeof WebAssembly !== "object") {
      return Promise.reject(new Error("This browser has WebAssembly switched off, by which models run. Switch it on, or use another browser."));
    }
    const feeds = {};
    for (const port of graph.inputs) {
      const value = values[port.name] ?? { data: [1], dims: [] };
      const data = port.dtype === "int64" ? BigInt64Array.from(value.data, (x) => BigInt(Math.round(Number(x)))) : ARRAYS[port.dtype].from(value.data);
      feeds[port.name] = { type: port.dtype, data, dims: value.dims };
    }
    return new Promise((resolve, reject) => {
      const id = this.count++;
      const samples = Math.max(1, ...Object.values(feeds).map(({ dims }) => dims[0] ?? 1));
      this.waiting.set(id, { resolve, reject, file: graph.file, samples });
      const url = new URL(graph.file, document.baseURI).href;
      this.worker().postMessage({ id, graph: { url, bytes: graph.bytes }, feeds });
    });
  }

  worker() {
    if (this.started) return this.started;
    this.started = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.started.onmessage = ({ data }) => {
      if ("loading" in data) return this.loading(`${data.loading} is being loaded`, data.share);
      if ("computing" in data) return this.watch(this.waiting.get(data.computing));
      const { resolve, reject, file, samples } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      this.rest();
      if ("error" in data) return reject(new Error(explained(data.error)));
      this.paces.set(file, data.result.took / samples);
      resolve(data.result);
    };
    this.started.onerror = () => {
      this.rest();
      for (const { reject } of this.waiting.values()) reject(new Error("The runtime could not be started in this browser. A newer one can."));
      this.waiting.clear();
    };
    return this.started;
  }

  // Says how long it has been computing and, of what was computed before, how long it takes.
  watch({ file, samples }) {
    this.rest();
    const [started, takes] = [performance.now(), this.paces.get(file) * samples];
    this.clock = setInterval(() => {
      const passed = performance.now() - started;
      const rest = takes ? `of about ${Math.ceil(takes / 1000)} s` : "so far";
      this.loading("The model computes", takes ? Math.min(passed / takes, 0.99) : null, `${Math.round(passed / 1000)} s ${rest}`);
    }, SOON);
  }

  rest() {
    clearInterval(this.clock);
    this.loading(null);
  }
}

function explained(message) {
  if (/memory|allocation/i.test(message)) return "This device has too little memory for that. Take a smaller picture.";
  if (/fetch|network/i.test(message)) return "The model could not be loaded. Is the server still there?";
  if (/WebAssembly|wasm|backend/i.test(message)) return "This browser, or this server's policy, does not allow WebAssembly, by which models run.";
  return message;
}
