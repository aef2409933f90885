// The page's entry: styles, colours, the first drawing. It owns nothing that lasts.

import { render } from "preact";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/uploads.css";
import "./styles/gallery.css";
import "./styles/dialogs.css";
import { open } from "./state/account.js";
import { followTheme } from "./state/theme.js";
import { Page } from "./ui/Page.js";

followTheme();
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has an element with the id app");
render(<Page />, root);
void open();
