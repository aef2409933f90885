// What lies in folders of photos and is none: systems and programs leave it there. Owns the list.

const NAMES = new Set(["thumbs.db", "desktop.ini", ".ds_store", "ehthumbs.db", ".nomedia", ".picasa.ini"]);
const FOLDERS = new Set(["@eadir", "__macosx", ".thumbnails"]);

/** Whether nobody would miss this file. `path`: within the folder that was chosen. */
export function isClutter(name: string, path = ""): boolean {
  const folders = path.toLowerCase().split("/").slice(0, -1);
  return (
    NAMES.has(name.toLowerCase()) || name.startsWith("._") || folders.some((folder) => FOLDERS.has(folder))
  );
}
