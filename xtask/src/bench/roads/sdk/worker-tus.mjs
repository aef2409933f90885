// In a Worker of the browser: tus-js-client uploads a file, as its documentation shows it, or in bodies of some bytes.
import { Upload } from "tus-js-client";

globalThis.onmessage = ({ data: { file, endpoint, bodyBytes } }) => {
  new Upload(file, {
    endpoint,
    ...(bodyBytes > 0 && { chunkSize: bodyBytes }),
    onError: (error) => postMessage({ error: String(error) }),
    onSuccess: () => postMessage({}),
  }).start();
};
