// In a Worker of the browser: the SDK uploads a file, or deletes a memory.
import { browserIdentity, Keepsake } from "@keepsake/sdk";

let keepsake;

globalThis.onmessage = async ({ data: { file, canisterId, remove } }) => {
  try {
    keepsake ??= await Keepsake.connect({
      host: location.origin,
      canisterId,
      identity: await browserIdentity(),
    });
    if (remove) {
      await keepsake.memories.delete(remove);
      postMessage({});
      return;
    }
    const { memoryId, alreadyThere } = await keepsake.upload(file).done;
    postMessage({ memoryId, alreadyThere });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
