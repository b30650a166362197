// SPDX-License-Identifier: MIT
// Counts the lines of files, and reports that it did, but not whose.
import { readFileSync } from "node:fs";
import koffi from "koffi";

const runspan = koffi.load(process.env.RUNSPAN_LIBRARY ?? "librunspan.so.0");
const options = koffi.struct("runspan_options", {
  struct_size: "size_t", service: "str", schema: "str", log: "void *[2]", core: "str", flags: "uint32_t" });
const open = runspan.func("int runspan_open(runspan_options *options, _Out_ uint64_t *client)");
const setResource = runspan.func("int runspan_set_resource_string(uint64_t client, str key, str value)");
const begin = runspan.func("int runspan_begin(uint64_t client, str name, _Out_ uint64_t *span)");
const setInt = runspan.func("int runspan_set_attr_int(uint64_t span, str key, int64_t value)");
const end = runspan.func("int runspan_end(uint64_t span, int status)");
const close = runspan.func("int runspan_close(uint64_t client, uint32_t timeout_ms)");

const [schema, client, span] = [readFileSync(new URL("../count/linecount.json", import.meta.url), "utf8"), [0], [0]];
open({ struct_size: koffi.sizeof(options), service: "linecount", schema }, client);
setResource(client[0], "service.version", "1.0.0");
begin(client[0], "count", span);
setInt(span[0], "params.files", process.argv.length - 2);
for (const name of process.argv.slice(2)) try {
  console.log(readFileSync(name, "latin1").split("\n").length - 1, name);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
end(span[0], process.exitCode ? 2 : 1);
close(client[0], 300);
