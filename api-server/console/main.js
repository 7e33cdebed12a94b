// The page: who looks, which screen, and what stands around it.
import { effect, html, render, signal } from "./html.js";
import { refused, signOut, signedIn, token, tokenNeeded } from "./api.js";
import { Answered } from "./answered.js";
import { learn, may, unanswered, viewer } from "./session.js";
import { language, speak, t } from "./text/text.js";
import { SignIn } from "./screens/sign-in.js";

/**
 * The screens: what leads to each, what its viewer must be allowed, which files it is in, and what of them is shown. A file is fetched
 * when somebody goes there.
 * @typedef {{ file: string, name: string }} Part
 * @type {{ name: string, needs: [string, string], list: Part, one?: Part, fresh?: Part, freshNeeds?: [string, string] }[]}
 */
const SCREENS = [
  { name: "ring", needs: ["GET", "/cluster/nodes"], list: { file: "ring", name: "RingScreen" }, one: { file: "ring", name: "RingScreen" } },
  { name: "consistency", needs: ["GET", "/cluster/consistency"], list: { file: "consistency", name: "ConsistencyScreen" }, one: { file: "consistency", name: "ConsistencyScreen" } },
  { name: "operation", needs: ["GET", "/cluster/operation"], list: { file: "operation", name: "OperationScreen" } },
  {
    name: "products", needs: ["GET", "/products"], list: { file: "products", name: "ProductsScreen" }, one: { file: "product", name: "ProductScreen" },
    fresh: { file: "product", name: "ProductScreen" }, freshNeeds: ["POST", "/products"],
  },
  { name: "stock", needs: ["GET", "/stocks"], list: { file: "stock", name: "StockListScreen" }, one: { file: "stock", name: "StockScreen" } },
  {
    name: "orders", needs: ["GET", "/orders"], list: { file: "orders", name: "OrdersScreen" }, one: { file: "order", name: "OrderScreen" },
    fresh: { file: "new-order", name: "NewOrderScreen" }, freshNeeds: ["POST", "/orders"],
  },
  {
    name: "users", needs: ["GET", "/users"], list: { file: "users", name: "UsersScreen" }, one: { file: "user", name: "UserScreen" },
    fresh: { file: "user", name: "UserScreen" }, freshNeeds: ["POST", "/users"],
  },
  { name: "files", needs: ["POST", "/products/import"], list: { file: "files", name: "FilesScreen" } },
  { name: "reports", needs: ["GET", "/stocks/reports/overview-stocks"], list: { file: "reports", name: "ReportsScreen" } },
];

/** The files that are here, and `null` for what did not come. @type {import("./vendor/signals.mjs").Signal<Record<string, any>>} */
const files = signal({});
/** @type {Set<string>} */
const wanted = new Set();

/** Shows a part of a file, which comes first. @param {{ part: Part, id?: string }} given */
function Screen({ part, id }) {
  const { file, name } = part;
  if (!wanted.has(file)) {
    wanted.add(file);
    import(`./screens/${file}.js`).then((found) => found, () => null).then((found) => (files.value = { ...files.value, [file]: found }));
  }
  const found = files.value[file];
  if (found) return html`<${found[name]} id=${id} />`;
  if (found === undefined) return html`<h1>${t("store")}</h1><p class="muted" role="status">${t("loading")}</p>`;
  // The API is away, or is another version than this page: that of its files is in the page.
  return html`<h1>${t("store")}</h1><p class="notice bad" role="alert">${t("reload.why")}</p>
    <button class="primary" onClick=${() => location.reload()}>${t("reload")}</button>`;
}

const route = signal(location.hash);
addEventListener("hashchange", () => {
  history.replaceState({ moved: true }, "");
  route.value = location.hash;
});

/** What is shown at an address, `null` for nothing that this viewer may see. */
function here() {
  const [, name = "", id = ""] = route.value.split("/").map(decodeURIComponent);
  const screen = name ? SCREENS.find((screen) => screen.name === name) : SCREENS.find(({ needs }) => may(...needs));
  if (!screen || !may(...screen.needs)) return { name, body: null };
  if (!id) return { name: screen.name, body: html`<${Screen} key=${name} part=${screen.list} />` };
  const part = id === "new" && screen.freshNeeds ? may(...screen.freshNeeds) && screen.fresh : screen.one;
  return { name: screen.name, body: part ? html`<${Screen} key=${id} part=${part} id=${id} />` : null };
}

function Bar(/** @type {{ name: string }} */ { name }) {
  const role = viewer.value?.role;
  return html`
    <header class="bar">
      <a class="brand" href="#/">${t("store")}</a>
      <nav aria-label=${t("nav")}>
        <ul>
          ${SCREENS.filter(({ needs }) => may(...needs)).map((screen) => html`
            <li key=${screen.name}><a href=${`#/${screen.name}`} aria-current=${screen.name === name ? "page" : undefined}>${t(screen.name)}</a></li>`)}
        </ul>
      </nav>
      <div class="who">
        ${viewer.value && html`<p>${role ? t("role", { role: t(`role.${role}`) }) : t("role.open")}</p>`}
        <button type="button" class="quiet" lang=${language.value === "en" ? "fr" : "en"}
          onClick=${() => speak(language.value === "en" ? "fr" : "en")}>${t("language")}</button>
        ${tokenNeeded && signedIn.value && html`
          <button type="button" class="quiet" onClick=${() => { refused.value = false; signOut(); }}>${t("leave")}</button>`}
      </div>
    </header>`;
}

function Page() {
  if (!signedIn.value) return html`<${Bar} name="" /><${SignIn} />`;
  if (!viewer.value) {
    return html`<${Bar} name="" /><main id="content">
      ${unanswered.value < 0 ? html`<p class="muted" role="status">${t("loading")}</p>` : html`
        <h1>${t("store")}</h1><p class="notice bad" role="alert">${t("unreachable")}</p>
        <button class="primary" onClick=${learn}>${t("change.again")}</button>`}
    </main>`;
  }
  const { name, body } = here();
  const skip = (/** @type {Event} */ event) => {
    // The address is the screen's, so a link of the usual kind would lead away from it.
    event.preventDefault();
    document.getElementById("content")?.focus();
  };
  return html`
    <a class="skip" href="#content" onClick=${skip}>${t("skip")}</a>
    <${Bar} name=${name} />
    <main id="content" tabindex="-1">
      ${body ?? html`<h1>${t("store")}</h1><p>${t(name ? "lost" : "nothing")}</p>`}
    </main>
    <${Answered} />`;
}

effect(() => {
  document.documentElement.lang = language.value;
  const { name } = here();
  document.title = [name && t(name), t("store")].filter(Boolean).join(" · ");
});
effect(() => {
  // Another token is another viewer.
  if (token.value || !tokenNeeded) learn();
  else viewer.value = null;
});
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
