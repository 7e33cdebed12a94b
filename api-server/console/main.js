// The page: who looks, which screen, and what stands around it.
import { effect, html, render, signal } from "./html.js";
import { refused, signOut, signedIn, token, tokenNeeded } from "./api.js";
import { Answered } from "./answered.js";
import { learn, may, unanswered, viewer } from "./session.js";
import { language, speak, t } from "./text/text.js";
import { NewOrderScreen } from "./screens/new-order.js";
import { OrderScreen } from "./screens/order.js";
import { OrdersScreen } from "./screens/orders.js";
import { ProductScreen } from "./screens/product.js";
import { ProductsScreen } from "./screens/products.js";
import { ReportsScreen } from "./screens/reports.js";
import { RingScreen } from "./screens/ring.js";
import { SignIn } from "./screens/sign-in.js";
import { StockListScreen, StockScreen } from "./screens/stock.js";

/**
 * The screens: what leads to each, what its viewer must be allowed, and what is below it.
 * @type {{ name: string, needs: [string, string], list: any, one?: any, fresh?: any, freshNeeds?: [string, string] }[]}
 */
const SCREENS = [
  { name: "ring", needs: ["GET", "/cluster/nodes"], list: RingScreen, one: RingScreen },
  { name: "products", needs: ["GET", "/products"], list: ProductsScreen, one: ProductScreen, fresh: ProductScreen, freshNeeds: ["POST", "/products"] },
  { name: "stock", needs: ["GET", "/stocks"], list: StockListScreen, one: StockScreen },
  { name: "orders", needs: ["GET", "/orders"], list: OrdersScreen, one: OrderScreen, fresh: NewOrderScreen, freshNeeds: ["POST", "/orders"] },
  { name: "reports", needs: ["GET", "/stocks/reports/overview-stocks"], list: ReportsScreen },
];

const route = signal(location.hash);
addEventListener("hashchange", () => {
  history.replaceState({ moved: true }, "");
  route.value = location.hash;
});

/** What is shown at an address, `null` for nothing that this viewer may see. */
function here() {
  const [, name = "", id = ""] = route.value.split("/");
  const screen = name ? SCREENS.find((screen) => screen.name === name) : SCREENS.find(({ needs }) => may(...needs));
  if (!screen || !may(...screen.needs)) return { name, body: null };
  if (!id) return { name: screen.name, body: html`<${screen.list} key=${name} />` };
  const body = id === "new" ? screen.freshNeeds && may(...screen.freshNeeds) && screen.fresh : screen.one;
  return { name: screen.name, body: body ? html`<${body} key=${id} id=${id} />` : null };
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
