// The page's entry: styles, colours, the first drawing. It owns nothing that lasts.

import { render } from "preact";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/uploads.css";
import "./styles/gallery.css";
import "./styles/dialogs.css";
import "./styles/devices.css";
import "./styles/sharing.css";
import { open } from "./state/account.js";
import { followTheme } from "./state/theme.js";
import { isSecretInAddress, leaveLinksPath } from "./state/visit.js";
import { Page } from "./ui/Page.js";

leaveLinksPath();
followTheme();
// A code or a link that is pasted over the address of a page that is open: the page starts with it.
addEventListener("hashchange", () => {
  if (isSecretInAddress()) location.reload();
});
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has an element with the id app");
render(<Page />, root);
void open();
