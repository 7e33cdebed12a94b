// The list of users, and those among them whose name or address has a text in it.
import { html, useEffect, useState } from "../html.js";
import { get } from "../api.js";
import { pageOf, usePages } from "../pages.js";
import { Field, Foot, Head } from "../parts.js";
import { may } from "../session.js";
import { number, t, time } from "../text/text.js";

/** So many are looked through by themselves; beyond them somebody has to ask for more. */
const LOOKED_THROUGH = 2000;
const SHOWN = 25;
const PAGE = 100;

export function UsersScreen() {
  const [text, setText] = useState("");
  const page = usePages("users", async (cursor, stop) => {
    /** @type {import("../types").Answer<import("../types").User[]>} */
    const answer = await get("/users", { limit: PAGE, cursor }, stop);
    return pageOf(answer);
  });
  const sought = text.trim().toLowerCase();
  const found = sought ? page.rows.filter(({ id, name, email }) => [id, name.toLowerCase(), email.toLowerCase()].some((one) => one.includes(sought))) : page.rows;
  // The API finds nobody by a name: pages are read until there are enough to show.
  useEffect(() => {
    if (sought && !page.busy && page.next && page.status === 200 && found.length < SHOWN && page.rows.length < LOOKED_THROUGH) page.more();
  }, [sought, page.busy, page.rows.length]);
  return html`
    <${Head} title=${t("users")} lead=${t("users.lead")}>
      ${may("POST", "/users") && html`<a class="button primary" href="#/users/new">${t("user.new")}</a>`}
    <//>
    <form class="line" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Field} label=${t("users.search")} hint=${sought && t("users.looked", { n: page.rows.length, found: number(found.length) })}
        value=${text} set=${setText} type="search" spellcheck="false" />
    </form>
    ${found.length > 0 && html`
      <div class="scroll">
        <table>
          <thead><tr><th scope="col">${t("user.name")}</th><th scope="col">${t("user.email")}</th><th scope="col">${t("user.since")}</th></tr></thead>
          <tbody>
            ${found.map((user) => html`
              <tr key=${user.id}>
                <th scope="row"><a href=${`#/users/${user.id}`}>${user.name}</a></th>
                <td>${user.email}</td>
                <td>${time(user.created_at)}</td>
              </tr>`)}
          </tbody>
        </table>
      </div>`}
    <${Foot} page=${{ ...page, rows: found }} empty=${t("users.empty")} />`;
}
