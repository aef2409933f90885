// In a Worker of the browser: tus-js-client uploads a file, as its documentation shows it.
import { Upload } from "tus-js-client";

globalThis.onmessage = ({ data: { file, endpoint } }) => {
  new Upload(file, {
    endpoint,
    onError: (error) => postMessage({ error: String(error) }),
    onSuccess: () => postMessage({}),
  }).start();
};
