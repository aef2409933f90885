// tus-js-client uploads one file, as its documentation shows it. Ends with 1 where it fails.
import { createReadStream, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, file] = process.argv.slice(2);
new Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  onError(error) {
    console.error(error);
    process.exit(1);
  },
  onSuccess: () => process.exit(0),
}).start();
