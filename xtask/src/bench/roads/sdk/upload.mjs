// The SDK uploads one file, as its README shows it, and prints what came of it as a line of JSON. With `--remove ID` it deletes
// that memory instead.
import { Keepsake } from "@keepsake/sdk";
import { fileIdentity, fileSource } from "@keepsake/sdk/node";

const [host, canisterId, key, path, id] = process.argv.slice(2);
const keepsake = await Keepsake.connect({ host, canisterId, identity: await fileIdentity(key) });
if (path === "--remove") {
  await keepsake.memories.delete(id);
} else {
  const source = await fileSource(path);
  const { memoryId, alreadyThere } = await keepsake.upload(source).done;
  await source.close();
  console.log(JSON.stringify({ memory_id: memoryId, already_there: alreadyThere }));
}
