// @tus/server over files in a folder, and the files of another folder as pages. Owns its start; prints its address. What was
// uploaded is removed.
import { FileStore } from "@tus/file-store";
import { EVENTS, Server } from "@tus/server";
import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

const [directory, pages] = process.argv.slice(2);
const tus = new Server({ path: "/files", datastore: new FileStore({ directory }) });
tus.on(EVENTS.POST_FINISH, (_request, _response, upload) => {
  for (const name of [upload.id, `${upload.id}.json`]) {
    void rm(join(directory, name), { force: true });
  }
});

async function page(path, response) {
  const name = path === "/" ? "index.html" : normalize(path);
  try {
    const body = await readFile(join(pages, name));
    response.setHeader("Content-Type", name.endsWith(".js") ? "text/javascript" : "text/html");
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  if (pages && !request.url.startsWith("/files")) {
    void page(request.url, response);
  } else {
    void tus.handle(request, response);
  }
});
server.requestTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/files`));
