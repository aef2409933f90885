// @tus/server over files in a folder. Owns its start; prints its address. What was uploaded is removed.
import { FileStore } from "@tus/file-store";
import { EVENTS, Server } from "@tus/server";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const directory = process.argv[2];
const tus = new Server({ path: "/files", datastore: new FileStore({ directory }) });
tus.on(EVENTS.POST_FINISH, (_request, _response, upload) => {
  for (const name of [upload.id, `${upload.id}.json`]) {
    void rm(join(directory, name), { force: true });
  }
});
const server = createServer((request, response) => void tus.handle(request, response));
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/files`));
