/** The page: all parts, and the first look at the server. */

import { refresh } from "./api.js";
import "./classes.js";
import "./contrast.js";
import "./controls.js";
import "./images.js";
import "./keys.js";
import { listen } from "./news.js";
import "./pointer.js";
import "./project.js";
import "./results.js";
import { toast } from "./toasts.js";

listen();
refresh().catch(toast);
