// The gate in the pane beside the inbox, whose own script sends decisions and goes on.

import { attach } from "./actions.js";

let gate = null;
document.addEventListener("visto:panel", (event) => { gate?.detach(); gate = attach(event.detail); });
