/** News of the server: answers, progress, and changes from other windows. */

import { refresh } from "./api.js";
import { tellView } from "./images.js";
import { takeSuggestions } from "./suggestions.js";
import { stage } from "./stage.js";
import { setAway, setTasks, setWaiting } from "./status.js";
import { planeName, store } from "./store.js";
import { toast } from "./toasts.js";

/** @type {Object<string, (news: any) => void>} */
const HANDLERS = {
  answer(news) {
    setWaiting("");
    const answers = new Map(store.answers);
    const { version, draft, progress, shares } = news;
    answers.set(planeName(news.key, news.plane), { version, draft, progress, shares });
    store.set({ answers });
  },
  waiting(news) {
    const count = news.classes.length;
    setWaiting(count ? "Now draw a stroke of another class" : "Draw strokes of two classes");
    if (store.answers.size) store.set({ answers: new Map() });
  },
  similar(news) {
    const similar = new Map(store.similar);
    similar.set(planeName(news.key, news.plane), news.version + news.progress / 10);
    store.set({ similar });
  },
  suggestions(news) {
    takeSuggestions(news.places);
  },
  tasks(news) {
    setTasks(news.names);
  },
  error(news) {
    toast(new Error(news.text));
    if (news.task === "apply") HANDLERS.failed?.(news);
  },
  changed(news) {
    if (news.revision <= store.state.revision) return;
    setTimeout(async () => { // our own changes bring the state along
      if (news.revision > store.state.revision) {
        await refresh();
        await stage.reload();
      }
    }, 400);
  },
  async opened() {
    store.set({ answers: new Map(), similar: new Map(), state: { ...store.state, revision: -1 } });
    stage.forget();
    await refresh();
  },
};

/** Other modules may listen, too. */
export function onNews(/** @type {string} */ type, /** @type {(news: any) => void} */ handler) {
  HANDLERS[type] = handler;
}

/** Listens to the server, and comes back when it does. */
export function listen() {
  const source = new EventSource("/api/events");
  let wasAway = false;
  source.onopen = async () => {
    setAway(false);
    if (wasAway) {
      wasAway = false;
      store.set({ answers: new Map(), similar: new Map(), state: { ...store.state, revision: -1 } });
      await refresh().catch(toast);
    }
    tellView(); // answers that were told before are told again
  };
  source.onerror = () => {
    wasAway = true;
    setAway(true);
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  source.onmessage = (event) => {
    const news = JSON.parse(event.data);
    HANDLERS[news.type]?.(news);
  };
}
