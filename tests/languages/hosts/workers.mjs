// SPDX-License-Identifier: MIT
// Node with the core in its process: workers.mjs CASE. Worker threads report spans of the main thread's client, and
// WebAssembly, whose accesses out of bounds Node learns of by SIGSEGV, goes on.
//
//     join   the workers come to their end
//     stop   they are stopped while they call
//     exit   process.exit() while they call
import { readFileSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import koffi from "koffi";

const WORKERS = 3, SPANS = 50, TRAPS = 2000;

const runspan = koffi.load(process.env.RUNSPAN_LIBRARY);
const options = koffi.struct("runspan_options", {
  struct_size: "size_t", service: "str", schema: "str", log: "void *[2]", core: "str", flags: "uint32_t" });
const open = runspan.func("int runspan_open(runspan_options *options, _Out_ uint64_t *client)");
const begin = runspan.func("int runspan_begin(uint64_t client, str name, _Out_ uint64_t *span)");
const setInt = runspan.func("int runspan_set_attr_int(uint64_t span, str key, int64_t value)");
const end = runspan.func("int runspan_end(uint64_t span, int status)");
const close = runspan.func("int runspan_close(uint64_t client, uint32_t timeout_ms)");

// (func (export "load") (param i32) (result i32) (i32.load (local.get 0))) in a module with one page of memory
const load = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 8, 1, 4, 108, 111, 97, 100, 0, 0,
  10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11]))).exports.load;

function traps() {
  let caught = 0;
  for (let i = 0; i < TRAPS; i++) try {
    load(1 << 30);
  } catch (error) {
    caught += error instanceof WebAssembly.RuntimeError;
  }
  return `${caught} of ${TRAPS}`;
}

if (isMainThread) {
  const client = [0];
  console.log("before:", traps());
  console.log("open:", open({ struct_size: koffi.sizeof(options), service: "linecount",
    schema: readFileSync(new URL("../count/linecount.json", import.meta.url), "utf8") }, client));
  console.log("after:", traps());
  const how = process.argv[2];
  const workers = Array.from({ length: WORKERS }, () =>
    new Worker(new URL(import.meta.url), { workerData: { client: client[0], endless: how !== "join" } }));
  const exits = workers.map(w => new Promise(resolve => w.on("exit", resolve)));
  const said = await Promise.all(workers.map(w => new Promise((resolve, reject) => w.on("message", resolve).on("error", reject))));
  console.log(said.join("\n"));
  if (how === "exit") setTimeout(() => process.exit(3), 200); // what has ended is on the disk by then
  if (how === "stop") workers.forEach(w => w.terminate());
  await Promise.all(exits);
  console.log("close:", close(client[0], 3000));
} else {
  const { client, endless } = workerData, span = [0];
  let done = 0;
  for (let i = 0; i < SPANS; i++) done += begin(client, "count", span) === 0 && end(span[0], 1) === 0;
  if (endless) begin(client, "count", span);
  parentPort.postMessage(`worker: ${done} spans, ${traps()}`);
  while (endless) setInt(span[0], "params.files", 1);
}
