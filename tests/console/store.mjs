// The API as the tests ask it beside the page.

/** @param {string} url @param {string} token */
export function api(url, token) {
  /** @param {string} method @param {string} path @param {unknown} [body] @param {Record<string, string>} [headers] */
  const call = async (method, path, body, headers = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  let count = 0;
  return {
    call,
    /** A product with so many units. @param {number} quantity @param {string} [name] */
    async product(quantity, name = "Blue teapot") {
      const sku = `T-${process.pid}-${(count += 1)}`;
      const product = await call("POST", "/products", { name, sku, price: 12.5, category: "kitchen" });
      await call("POST", "/stocks", { product_id: product.id, quantity });
      return product;
    },
    /** @param {string} id */
    quantity: async (id) => (await call("GET", `/stocks/${id}`)).quantity,
    /** A store in which something has happened. */
    async busyDay() {
      const products = await call("GET", "/products?limit=12");
      const users = await call("GET", "/users?limit=8");
      let order;
      for (let at = 0; at < 9; at += 1) {
        for (const product of products.slice(0, 4)) {
          if (at === 0) await call("POST", `/stocks/${product.id}/adjustments`, { delta: 40, reason: "delivery", reference: "DN-2041" });
        }
        const items = products.slice(at % 3, at % 3 + 2).map((/** @type {{ id: string }} */ product, /** @type {number} */ n) => ({ product_id: product.id, quantity: n + 1 + (at % 2) }));
        const made = await call("POST", "/orders", { user_id: users[at % users.length].id, items });
        if (at % 2) await call("PATCH", `/orders/${made.id}`, { is_paid: true, payment_id: `P-${at}` });
        if (at === 3) await call("PATCH", `/orders/${made.id}`, { status: "fulfilled" });
        if (at === 4) await call("DELETE", `/orders/${made.id}`);
        order = made;
      }
      return { products, order };
    },
  };
}
