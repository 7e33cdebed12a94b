// Made from api-server/openapi.json by `make generate`.

export interface paths {
    "/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the audit trail
         * @description Who has changed what on one day, by UTC: the last change first. A line is written some tenths of a second after its
         *     change; one without a principal was completed after a crash, or stands for a time when nobody had to say who they are.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read the feed of changes
         * @description What has changed of products, stocks and orders after a position, oldest first. Each version of an object comes at least
         *     once, and never first before the version below it; the versions of a stock have no gaps. Without `after` the answer is the end of the feed, where a reader begins that has read all
         *     else. With it the answer comes as soon as there is a change, or after `wait` seconds without one. `next` is where to go on.
         *
         *     With `Accept: text/event-stream` the same comes as server-sent events, one a change, named by its kind; their ids are
         *     positions, and `Last-Event-ID` goes on after one.
         */
        get: operations["listChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/activity": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the nodes tell of each other and of their work
         * @description Of each node what its own tables tell: how it sees the others by gossip, for which of them it keeps hints, what it streams, works
         *     on, and has to send. Looked at once a second at most by each process, however many ask.
         */
        get: operations["getActivity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/consistency": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What each consistency level promises */
        get: operations["getConsistency"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/keyspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keyspaces and how they are replicated */
        get: operations["listKeyspaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Watch the nodes of the ring
         * @description The nodes as the process that answers sees them. With `after`, the `id` of the answer before, it comes as soon as
         *     anything of them is another, or after `wait` seconds.
         *
         *     With `Accept: text/event-stream` the same comes as server-sent events named `nodes`; `Last-Event-ID` leaves out what the
         *     viewer has.
         */
        get: operations["watchNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Nodes of the ring */
        get: operations["listNodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/operation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the operator is doing
         * @description What, why, since when, how far, and what it waits for. Where the API does not run in a shop of an operator, or that has told
         *     nothing yet, `told` is `null`. It is as old as the file that the operator writes is on its way: some two minutes at most.
         */
        get: operations["getClusterOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/placement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Replicas of one row
         * @description The partition need not exist: placement follows from the key alone. `stock` is for the stock of a product, which lies
         *     in the table `ledgers` under the key `stock` and its id.
         */
        get: operations["getPlacement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/replicas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A row as each of its replicas has it
         * @description Each replica is asked at ONE for what it has, and no other node. A copy that is older than another is what a read at ONE may be
         *     answered with; reading it so mends nothing. Of `products`, `users`, `orders` and `ledgers`, whose key is the book (`stock` or
         *     `spending`) and the id of the product or user.
         */
        get: operations["getReplicas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/ring": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Token ring of a keyspace */
        get: operations["getRing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/cluster/traces/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A statement that was traced
         * @description What `Cassandra-Trace: true` asked for, by the id that came back under the same name: each step with the node that made
         *     it. Cassandra writes it a moment after the statement, and keeps it for a day. What the statement bound is not shown.
         */
        get: operations["getTrace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Is the service healthy */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health-check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Is the service healthy, by its older name */
        get: operations["healthCheck"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/imports/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what became of an import
         * @description Of one that was sent with `Prefer: respond-async`: how far it is, and in the end what it would have been answered with.
         *     Remembered for a day.
         */
        get: operations["getImport"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The OpenAPI document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/operations/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read what became of a request
         * @description Of one that was sent under an `Idempotency-Key` in the last day: so that an answer that was lost, or 504, is not the end.
         *     What is told is settled: the database is read at SERIAL. Keys are those of whoever sends them; admins and auditors may
         *     name somebody else.
         */
        get: operations["getOperation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List orders, newest first
         * @description Confirmed ones and what became of them; all given filters hold. A page with a `Link` to the
         *     next one may hold fewer orders than `limit`; the list ends where there is no such link.
         */
        get: operations["listOrders"];
        /**
         * Change an order that is named in the body
         * @description As payment services do; who has that role can tell of payments alone. 404 for an unknown order; never creates one. No payment is lost: see there.
         */
        put: operations["payOrder"];
        /**
         * Create an order
         * @description All lines or nothing: each product's units leave its stock, at the price the product has now.
         *     With an `Idempotency-Key` a request that is sent again is answered again and makes no second
         *     order, whatever became of the first try.
         */
        post: operations["createOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export orders
         * @description Orders as CSV, the newest first, a line of the file for each line of an order: the sum of `line_total` is what was taken.
         *     All given filters hold; `day` with `status=paid` is what was paid of the orders of a day. The file is written page
         *     by page while it is read; one that breaks off is not whole.
         */
        get: operations["exportOrders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/reports/best-sellers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report what sold most
         * @description The units in all orders that are not cancelled, by product, descending; without `from` and `to`
         *     of all time.
         */
        get: operations["reportSellers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/reports/highest-spenders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report who spent most
         * @description The totals of all orders that are not cancelled, by user, descending; without `from` and `to`
         *     of all time.
         */
        get: operations["reportSpenders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/orders/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read an order
         * @description With what was paid for it. A payment that does not count (another one was faster, or the order was cancelled) makes no
         *     version of the order; one that has such payments is answered in full whatever `If-None-Match` says.
         */
        get: operations["getOrder"];
        put?: never;
        post?: never;
        /**
         * Cancel an order
         * @description What it took comes back to the stock, exactly once however often it is cancelled. A cancelled
         *     order stays readable.
         */
        delete: operations["cancelOrder"];
        options?: never;
        head?: never;
        /**
         * Change an order
         * @description Marks it paid, names its payment, marks it fulfilled. Absent members stay; a change that
         *     changes nothing makes no new version. A payment (`is_paid` with a `payment_id`) is never lost: another one than
         *     that by which the order is paid, and one of an order that was cancelled, is 409 and kept among `payments`.
         */
        patch: operations["changeOrder"];
        trace?: never;
    };
    "/products": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List products, newest first
         * @description All given filters hold. A page with a `Link` to the next one may hold fewer products than
         *     `limit`; the list ends where there is no such link.
         */
        get: operations["listProducts"];
        put?: never;
        /**
         * Create a product
         * @description The sku must be free. With an `Idempotency-Key` a request that is sent again is answered again
         *     and not done again.
         */
        post: operations["createProduct"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/products/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export products
         * @description All products as CSV with the columns that an import reads, the newest first. The file is written
         *     page by page while it is read; one that breaks off is not whole. Texts stand in it as they are kept:
         *     a spreadsheet takes those that begin with `=`, `+`, `-` or `@` for formulas, unless `formulas=quoted`
         *     puts an apostrophe before them, which an import does not take away.
         */
        get: operations["exportProducts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/products/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import products
         * @description A file of CSV in UTF-8 whose first line names its columns: `sku`, and any of `name`, `price`, `brand`,
         *     `category` and `description`. The product of a sku becomes as its line says; columns that the file
         *     does not have stay as they are. If there is none it is created, which needs `name` and `price`, unless
         *     `update_only`. So a file that is sent again changes nothing. Lines are done by themselves: a wrong one
         *     is told and the others are done. Columns may be separated by semicolons, with a comma in prices then,
         *     or by tabs. At most 20,000 lines and 16 MiB. With `Prefer: respond-async` nobody waits: it is answered
         *     202 when the file has come, and its `Location` tells what becomes of it.
         */
        post: operations["importProducts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/products/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a product */
        get: operations["getProduct"];
        /**
         * Replace a product
         * @description Optional members that are absent are cleared. Never creates a product.
         */
        put: operations["replaceProduct"];
        post?: never;
        /**
         * Remove a product
         * @description Its sku is free again. A product that has or had a stock is archived: it leaves every list but that of archived
         *     ones, cannot be ordered, is still read by its id, and is restored by PATCH.
         */
        delete: operations["deleteProduct"];
        options?: never;
        head?: never;
        /**
         * Change a product
         * @description A merge patch: absent members stay, `null` clears an optional one. A change that changes
         *     nothing makes no new version. `"archived_at": null` restores an archived product.
         */
        patch: operations["changeProduct"];
        trace?: never;
    };
    "/stocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List stocks
         * @description By product, the newest product first. A page with a `Link` to the next one may hold fewer
         *     stocks than `limit`; the list ends where there is no such link.
         */
        get: operations["listStocks"];
        put?: never;
        /**
         * Set a stock
         * @description The quantity becomes what is said, by a movement of its own; the stock of a product begins with
         *     it. With an `Idempotency-Key` a request that is sent again is answered again and not done again.
         */
        post: operations["setStock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export stocks
         * @description All stocks as CSV with the columns that an import reads, that of the newest product first;
         *     products whose stock was never set are left out. The file is written page by page while it is
         *     read; one that breaks off is not whole.
         */
        get: operations["exportStocks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/graphql-query": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask in GraphQL
         * @description Products, stocks and their movements, read as everywhere else; the schema is in
         *     `api-server/schema.graphql`. A query costs 10 for each row or page that is read and 1 for each
         *     value, lists counted as full; it may cost 3000.
         */
        post: operations["queryStocks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Import stocks
         * @description A file of CSV in UTF-8 whose first line names its columns: `sku` and either `quantity`, which the
         *     stock is set to, or `delta`, which it is adjusted by. Each line is a movement under the
         *     `reference`, and a reference moves a stock once, for good: a file that is sent again under it changes
         *     nothing, also if units were sold since, and also a year later. So a count has its date in its
         *     reference. The file is read to its end before anything is done; then lines are done by themselves: a
         *     wrong one is told and the others are done. Of a sku that stands in several lines nothing is done.
         *     Columns may be separated by semicolons or tabs, too. At most 20,000 lines and 16 MiB. With
         *     `Prefer: respond-async` it is answered 202 when the file has come, and its `Location` tells what becomes of it.
         */
        post: operations["importStocks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/reports/overview-stocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report what is in stock
         * @description One row a product, the newest first.
         */
        get: operations["reportStocks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/{product_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a stock */
        get: operations["getStock"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/{product_id}/adjustments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adjust a stock
         * @description Adds units or takes some away. The quantity is never below 0.
         */
        post: operations["adjustStock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stocks/{product_id}/movements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the movements of a stock
         * @description Newest first, all of them since the stock began; the quantity is the sum of all `delta`.
         */
        get: operations["listMovements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List users, newest first
         * @description A page with a `Link` to the next one may hold fewer users than `limit`; the list ends where
         *     there is no such link.
         */
        get: operations["listUsers"];
        put?: never;
        /**
         * Create a user
         * @description The e-mail address must be free, whatever its case. With an `Idempotency-Key` a request that is
         *     sent again is answered again and not done again.
         */
        post: operations["createUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a user */
        get: operations["getUser"];
        put?: never;
        post?: never;
        /**
         * Erase a user
         * @description Name and e-mail address are erased. The id stays, so that orders and reports that name it stay
         *     true; it is never used again.
         */
        delete: operations["eraseUser"];
        options?: never;
        head?: never;
        /**
         * Change a user
         * @description A merge patch: absent members stay. A change that changes nothing makes no new version.
         */
        patch: operations["changeUser"];
        trace?: never;
    };
    "/whoami": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the sender may do */
        get: operations["whoami"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The methods of one path that a role may send. */
        Allowed: {
            /**
             * @example [
             *       "GET",
             *       "PATCH"
             *     ]
             */
            methods: string[];
            /**
             * @description As the document writes it.
             * @example /products/{id}
             */
            path: string;
        };
        /** @enum {string} */
        AuditKind: "product" | "stock" | "order" | "user";
        /** @description A line of the audit trail. */
        AuditLine: {
            at: string;
            /** Format: uuid */
            id: string;
            kind: components["schemas"]["AuditKind"];
            /** Format: uuid */
            object_id: string;
            /** @description Who did it: the subject of a token, or its name. */
            principal?: string | null;
            request_id?: string | null;
            /**
             * Format: int64
             * @description The version after it.
             */
            version: number;
            what: string;
        };
        /** @description One version of something. */
        Change: {
            /** @description When the version was made. */
            at: string;
            /**
             * Format: int64
             * @description Of a stock: units that came, or went.
             */
            delta?: number;
            /**
             * Format: uuid
             * @description Of the product, or the order; a stock has that of its product.
             */
            id: string;
            kind: components["schemas"]["ChangeKind"];
            /**
             * Format: int64
             * @description Of a stock: units after it.
             */
            quantity?: number;
            /** Format: int64 */
            version: number;
            /**
             * @description `created`, `changed`, `archived`, `restored` or `removed` of a product, the kind of movement of a stock, the status of
             *     an order. `changed` of an order stands for a version of which only that is known.
             */
            what: string;
        };
        /** @enum {string} */
        ChangeKind: "product" | "stock" | "order";
        /** @description Changes, and where to go on. */
        Changes: {
            changes: components["schemas"]["Change"][];
            /** @description The position after them. */
            next: string;
        };
        /** @description The nodes, and what they are known by. */
        ClusterLive: {
            /** @description Another one as soon as anything of the nodes is. */
            id: string;
            nodes: components["schemas"]["ClusterNode"][];
        };
        /** @description A node of the ring. */
        ClusterNode: {
            address: string;
            datacenter?: string | null;
            /** Format: uuid */
            host_id: string;
            /** Format: int32 */
            port: number;
            rack?: string | null;
            release_version?: string | null;
            /** Format: uuid */
            schema_version?: string | null;
            /** @description `UP` when the process that answers has a working connection to the node, else `DOWN`. */
            state: components["schemas"]["NodeState"];
            /** @description Tokens as decimal strings: they do not fit into a JavaScript number. */
            tokens: string[];
        };
        /** @description What the operator does, as far as it tells. */
        ClusterOperation: {
            told: components["schemas"]["OperationTold"] | null;
        };
        /** @description One consistency level. */
        ConsistencyLevel: {
            level: string;
            /** @description Whether the keyspace has that many replicas at all. */
            possible: boolean;
            /** @description Whether a read at this level sees every write acknowledged at this level. */
            reads_see_writes: boolean;
            /** @description Replicas that must answer. */
            required: number;
            /** @description Nodes that may be down, whichever they are, without a request failing. */
            survives_nodes_down: number;
        };
        /** @description What each consistency level of the store's keyspace promises. */
        ConsistencyTable: {
            default_level: string;
            keyspace: string;
            levels: components["schemas"]["ConsistencyLevel"][];
            nodes: number;
            nodes_up: number;
            /** @description Replicas per datacenter. */
            replication: {
                [key: string]: number;
            };
        };
        /** @description A partition as each of its replicas has it. */
        Copies: {
            key: string[];
            keyspace: string;
            /** @description In the order of the ring. */
            replicas: components["schemas"]["Copy"][];
            table: string;
            /** @description Murmur3 token of the key, as a decimal string. */
            token: string;
        };
        /** @description One replica's copy. */
        Copy: {
            address: string;
            datacenter?: string | null;
            /** @description Why it told nothing; `null` where it did. */
            detail: string | null;
            /** Format: uuid */
            host_id: string;
            rack?: string | null;
            /** @description Its first rows, at most 20, column by column as Cassandra writes them; `null` where it told nothing. */
            rows: {
                [key: string]: unknown;
            }[] | null;
            state: components["schemas"]["NodeState"];
        };
        /** @description Failures in a row of what is begun again. */
        FailedTries: {
            /**
             * Format: date-time
             * @description When it is begun again; `null` once it is.
             */
            again_at: string | null;
            /** Format: int32 */
            attempts: number;
            /** @description Why the last one failed. */
            cause: string;
        };
        /** @description A form with one part. */
        FileForm: {
            /**
             * Format: binary
             * @description The file; its part may have any name.
             */
            file: string;
        };
        /** @description One thing that went wrong. */
        GraphqlError: {
            /** @description `code` as problems have it, and `status` as the same would have elsewhere. */
            extensions: Record<string, never>;
            message: string;
        };
        /** @description What a client sends: a query in GraphQL's language. */
        GraphqlRequest: {
            /** @description Of these `persistedQuery` alone is looked at: no queries are kept, which is told as `PERSISTED_QUERY_NOT_SUPPORTED`. */
            extensions?: Record<string, never> | null;
            /** @description Which of several operations is to be done. */
            operationName?: string | null;
            /**
             * @description One or more operations of the schema in `api-server/schema.graphql`.
             * @example query ($id: UUID!) { product(id: $id) { name price stockLevel { quantity } } }
             */
            query: string;
            /** @description Values of the operation's variables. */
            variables?: Record<string, never> | null;
        };
        /** @description What is answered. Without `data` nothing was done; a field that could not be read is `null` in it. */
        GraphqlResponse: {
            data?: Record<string, never> | null;
            /** @description Only where something went wrong. */
            errors?: components["schemas"]["GraphqlError"][];
        };
        /** @description An import that is not waited for. */
        Import: {
            /** @description What it would have been answered with: its report, or a problem with its report in it. `null` until it has ended. */
            answer: Record<string, never> | null;
            /** @description What that means, for people. */
            detail: string;
            /**
             * Format: date-time
             * @description `null` until it has ended.
             */
            ended_at: string | null;
            /** Format: uuid */
            id: string;
            /**
             * @description The table that the file goes into.
             * @enum {string}
             */
            kind: "products" | "stocks";
            /** @description What has become of its lines; some seconds old while it runs. */
            progress: components["schemas"]["ImportProgress"];
            /** Format: date-time */
            started_at: string;
            /**
             * @description `lost`: the process that worked on it is gone.
             * @enum {string}
             */
            state: "running" | "ended" | "lost";
            /**
             * Format: int32
             * @description The status that it would have been answered with; `null` until it has ended.
             */
            status: number | null;
        };
        /** @description What is wrong with a line. */
        ImportLineError: {
            /** @example sku_taken */
            code: string;
            /** @description `null` where it is about the line as a whole. */
            column: string | null;
            detail: string;
            /**
             * Format: int64
             * @description The first line of a file is 1.
             */
            line: number;
        };
        /** @description Lines of a file so far. */
        ImportProgress: {
            /** Format: int64 */
            changed: number;
            /** Format: int64 */
            created: number;
            /** Format: int64 */
            failed: number;
            /**
             * Format: int64
             * @description Lines that were read. Each that has been worked on is in one of the four counts.
             */
            lines: number;
            /** Format: int64 */
            unchanged: number;
        };
        /** @description What became of a file. */
        ImportReport: {
            /** Format: int64 */
            changed: number;
            /** Format: int64 */
            created: number;
            /** @description Whether nothing was to be done but this report. */
            dry_run: boolean;
            /** @description Each wrong thing of each line that failed. */
            errors: components["schemas"]["ImportLineError"][];
            /** Format: int64 */
            failed: number;
            /**
             * Format: int64
             * @description Where the last line that was read begins; nothing after it was looked at.
             */
            last_line: number;
            /**
             * Format: int64
             * @description Lines that were read, the first one left out. Each of them is in one of the four counts.
             */
            lines: number;
            /**
             * Format: int64
             * @description Lines that were done before, or ask for what is so already.
             */
            unchanged: number;
        };
        /** @description A column of a partition key. */
        KeyColumn: {
            cql_type: string;
            name: string;
        };
        /** @description A keyspace. */
        Keyspace: {
            durable_writes: boolean;
            name: string;
            /** @description Replicas per datacenter; under `*` for SimpleStrategy. */
            replication: {
                [key: string]: number;
            };
            /** @description `NetworkTopologyStrategy`, `SimpleStrategy`, `LocalStrategy` or another class. */
            strategy: string;
            /** @description Table name → partition key columns. */
            tables: {
                [key: string]: components["schemas"]["KeyColumn"][];
            };
        };
        /** @description A movement as it is answered. */
        Movement: {
            /** Format: date-time */
            at: string;
            /**
             * @description Who asked for it; null where nobody said who they are, and for what the store did by itself.
             * @example seller.till-1
             */
            by: string | null;
            /**
             * Format: int64
             * @description Units that came (or went, below 0).
             */
            delta: number;
            /** Format: uuid */
            id: string;
            /**
             * @description What the movement was; `void` is an order that was given up before it took anything.
             * @enum {string}
             */
            kind: "set" | "adjustment" | "order" | "return" | "void";
            /**
             * Format: int64
             * @description Units that were there after it.
             */
            quantity: number;
            reason: string | null;
            /** @description For movements of orders the id of the order. */
            reference: string | null;
            /**
             * Format: int64
             * @description The version of the stock that it made.
             */
            version: number;
        };
        /** @description What a client sends to add units or take some away. */
        NewAdjustment: {
            /**
             * Format: int64
             * @description Units that come (or go, below 0). Not 0.
             * @example -2
             */
            delta: number;
            /**
             * @description Why, for people.
             * @example broken in transit
             */
            reason?: string | null;
            /**
             * @description What it belongs to, such as a delivery note.
             * @example DN-2041
             */
            reference?: string | null;
        };
        /** @description What a client sends to create an order. */
        NewOrder: {
            /** @description Each product once. */
            items: components["schemas"]["NewOrderItem"][];
            /**
             * Format: uuid
             * @description The customer; `null` for a sale without one.
             */
            user_id: string | null;
        };
        /** @description One line of a new order. */
        NewOrderItem: {
            /**
             * Format: uuid
             * @description This or `sku`.
             */
            product_id?: string;
            /**
             * Format: int64
             * @example 2
             */
            quantity: number;
            /**
             * @description The product that has this sku when the order is made, in place of `product_id`.
             * @example TEA-GREEN-100
             */
            sku?: string;
        };
        /** @description What a client sends to create or replace a product. */
        NewProduct: {
            /** @example Hillside */
            brand?: string | null;
            /** @example tea */
            category?: string | null;
            /** @description Tabs and line breaks are allowed, other control characters and those that turn the direction of text are not. */
            description?: string | null;
            /**
             * Format: int32
             * @description Units below which the stock is low: `GET /stocks?below=threshold` lists those that are.
             * @example 10
             */
            low_stock_threshold?: number | null;
            /**
             * @description Name shown to people, on one line. Composed (NFC), each kind of space as the usual one; refused with a character
             *     that nobody sees, or a space at either end.
             * @example Green tea, 100 g
             */
            name: string;
            /**
             * Format: double
             * @description Exact price, at most two decimal places. (Not said by `multipleOf`, which validators compute with rounding.)
             * @example 10.5
             */
            price: number;
            /**
             * @description Stock keeping unit, unique in the store; upper and lower case are different. Kept as a name is, and hyphens as that of
             *     the keyboard.
             * @example TEA-GREEN-100
             */
            sku: string;
        };
        /** @description What a client sends to set a stock. */
        NewStock: {
            /** Format: uuid */
            product_id: string;
            /**
             * Format: int64
             * @description Units that are there.
             * @example 25
             */
            quantity: number;
        };
        /** @description What a client sends to create a user. */
        NewUser: {
            /**
             * @description E-mail address, unique in the store whatever its case. ASCII; a domain of another script is
             *     written as `xn--…`.
             * @example ana@example.org
             */
            email: string;
            /**
             * @description Name shown to people, on one line. Composed (NFC), each kind of space as the usual one; refused with a character
             *     that nobody sees, or a space at either end.
             * @example Ana Banana
             */
            name: string;
        };
        /** @description What one node tells of the others and of its work. */
        NodeActivity: {
            address: string;
            /** @description Why it tells nothing; `null` where it does. */
            detail: string | null;
            hints: components["schemas"]["PendingHints"][];
            /** Format: uuid */
            host_id: string;
            outbound: components["schemas"]["OutboundQueue"][];
            peers: components["schemas"]["Peer"][];
            /** @description As in `/cluster/nodes`. */
            state: components["schemas"]["NodeState"];
            streams: components["schemas"]["NodeStream"][];
            tasks: components["schemas"]["NodeTask"][];
        };
        /**
         * @description State of a node.
         * @enum {string}
         */
        NodeState: "UP" | "DOWN";
        /** @description A stream, as one of its ends tells of it. */
        NodeStream: {
            /** Format: int64 */
            bytes_received: number;
            /** Format: int64 */
            bytes_sent: number;
            /** Format: int64 */
            bytes_to_receive: number;
            /** Format: int64 */
            bytes_to_send: number;
            /** Format: uuid */
            id: string;
            /** @description What it is for, as Cassandra calls it. */
            operation: string;
            peers: string[];
            /** Format: double */
            percent: number;
            status: string;
        };
        /** @description Work on the files of a table. */
        NodeTask: {
            keyspace: string;
            /** @description `compaction`, `validation`, `cleanup`, … */
            kind: string;
            /** Format: int64 */
            progress: number;
            table: string;
            /** Format: int64 */
            total: number;
            unit: string;
        };
        /** @description What was sent under a key in the last day */
        Operation: {
            /**
             * @description The key.
             * @example 7d5c2f0e
             */
            key: string;
            /** @description One for each kind of request that it was sent with. */
            requests: components["schemas"]["SentRequest"][];
        };
        /** @description A change of the spec. */
        OperationChange: {
            /** Format: date-time */
            at: string;
            fields: string[];
            /** Format: int64 */
            generation: number;
        };
        /** @description Something that is wrong. */
        OperationFault: {
            message: string;
            object: string | null;
            reason: string;
            /** Format: date-time */
            since: string;
        };
        /** @description An operation in hand. */
        OperationInHand: {
            /** @description Why: the fields of the spec that were changed. */
            cause: string | null;
            failed: components["schemas"]["FailedTries"] | null;
            /**
             * Format: int64
             * @description Generation of the spec that asked for it.
             */
            generation: number | null;
            keyspace: string | null;
            /** @description `Join`, `Decommission`, `Repair`, … */
            kind: string;
            /** @description What it keeps others of its kind out of: `Ring`, `Schema`, `Data`, `Volumes` or `Api`. */
            lane: string;
            /**
             * Format: date-time
             * @description When its step or its progress last changed.
             */
            moved_at: string | null;
            pod: string | null;
            /** @description How far it is. */
            progress: string | null;
            /**
             * Format: int32
             * @description Replication factor that it sets.
             */
            replication: number | null;
            /** Format: date-time */
            started_at: string;
            /** @description Its step, in words. */
            step: string;
            /**
             * Format: date-time
             * @description When it becomes a fault unless it comes further; `null` where each of its steps has its own limit.
             */
            until: string | null;
        };
        /** @description Work that an earlier change owes. */
        OperationOwed: {
            keyspace: string | null;
            /** @description `Repair` or `Cleanup`. */
            kind: string;
            /** @description Nodes that still owe their part. */
            nodes: number;
            /** Format: date-time */
            since: string;
        };
        /** @description What the operator told last. It tells when something has changed, and a pod hears of it within some two minutes. */
        OperationTold: {
            /** @description The last changes of the spec that were taken up, the newest last. */
            changes: components["schemas"]["OperationChange"][];
            /** @description All that is wrong, the worst first. */
            faults: components["schemas"]["OperationFault"][];
            /** @description The worst fault in words, or else what is being done; empty where there is nothing to tell. */
            message: string;
            /** @description What is in hand: at most one operation in each lane. */
            operations: components["schemas"]["OperationInHand"][];
            /** @description Repairs and clean-ups that earlier changes owe. */
            owed: components["schemas"]["OperationOwed"][];
            /** @description Name of the StoreCluster. */
            shop: string;
            /** @description What the next step waits for. */
            waits: components["schemas"]["OperationWait"][];
        };
        /** @description Something that is waited for. */
        OperationWait: {
            object: string | null;
            reason: string;
            /** Format: date-time */
            since: string;
            /**
             * Format: date-time
             * @description When it becomes a fault.
             */
            until: string;
        };
        /** @description An order as it is answered. */
        Order: {
            /** Format: date-time */
            created_at: string;
            /** Format: uuid */
            id: string;
            is_paid: boolean;
            items: components["schemas"]["OrderItem"][];
            /**
             * Format: uuid
             * @description The id again, for older clients.
             */
            order_id: string;
            /** @description The payment by which it is paid, or until then the one under way. */
            payment_id: string | null;
            /** @description Of one order, not in lists: every payment that was told for it, first the one by which it is paid. At most 100. */
            payments?: components["schemas"]["OrderPaid"][];
            /** @description Of one order, not in lists: whether a payment is to be paid back, since the order is cancelled or paid by another. */
            refund_due?: boolean;
            status: components["schemas"]["OrderStatus"];
            /**
             * Format: double
             * @description Sum of the lines, exactly.
             * @example 21
             */
            total: number;
            /**
             * Format: double
             * @description The same.
             * @example 21
             */
            total_amount: number;
            /** Format: date-time */
            updated_at: string;
            /**
             * Format: uuid
             * @description Null for a sale without a customer.
             */
            user_id: string | null;
            /**
             * Format: int64
             * @description +1 with each change; the entity tag is this number in quotes.
             */
            version: number;
        };
        /** @description A partial change; absent members stay. */
        OrderChange: {
            /** @description What is paid stays so. */
            is_paid?: boolean;
            /** @description Given by whoever took the payment; a number is kept as its digits */
            payment_id?: string | number;
            /**
             * @description An order that is paid was handed over.
             * @enum {string}
             */
            status?: "fulfilled";
        };
        /** @description The answer to a cancellation. */
        OrderDeleted: {
            /** @example true */
            deleted: boolean;
        };
        /** @description One line of an order. */
        OrderItem: {
            product?: components["schemas"]["Product"] | null;
            /** Format: uuid */
            product_id: string;
            /** Format: int64 */
            quantity: number;
            /**
             * Format: double
             * @description The price of the product when the order was made.
             * @example 10.5
             */
            unit_price: number;
        };
        /** @description What was paid for an order. */
        OrderPaid: {
            /**
             * Format: double
             * @description The total of the order.
             * @example 21
             */
            amount: number;
            /**
             * Format: date-time
             * @description When it was told first; null where it was told to a program that did not note it.
             */
            at: string | null;
            /**
             * @description Who told of it first; null where nobody said who they are.
             * @example payment.card
             */
            by: string | null;
            payment_id: string;
        };
        /** @description The same with the order named in the body. */
        OrderPayment: {
            /** @description What is paid stays so. */
            is_paid?: boolean;
            /** Format: uuid */
            order_id: string;
            /** @description Given by whoever took the payment; a number is kept as its digits */
            payment_id?: string | number;
            /**
             * @description An order that is paid was handed over.
             * @enum {string}
             */
            status?: "fulfilled";
        };
        /**
         * @description How far an order has come.
         * @enum {string}
         */
        OrderStatus: "pending" | "confirmed" | "paid" | "fulfilled" | "cancelled";
        /** @description Messages that the node has for another one. */
        OutboundQueue: {
            address: string;
            /** Format: int64 */
            errors: number;
            /**
             * Format: int64
             * @description Given up because they had waited for too long.
             */
            expired: number;
            /** Format: int64 */
            pending: number;
            /** Format: int64 */
            pending_bytes: number;
        };
        /** @description A node as another one knows it by gossip. */
        Peer: {
            address: string;
            /**
             * Format: int64
             * @description Seconds since 1970 of its start.
             */
            generation: number;
            /** Format: int64 */
            heartbeat: number;
            /** Format: uuid */
            host_id: string | null;
            /**
             * Format: int64
             * @description For how long its heartbeat has stood still, as far as the process that answers has looked; `null` at the first look.
             */
            silent_ms: number | null;
            /** @description State that it gossips: `NORMAL`, `BOOT`, `LEAVING`, `LEFT`, `shutdown`, … */
            status: string | null;
        };
        /** @description Hints that the node keeps for another one. */
        PendingHints: {
            address: string | null;
            /** Format: int64 */
            files: number;
            /** Format: uuid */
            host_id: string;
            /** @description As Cassandra writes it. */
            newest: string | null;
            oldest: string | null;
        };
        /** @description Where one partition lies. */
        Placement: {
            key: string[];
            keyspace: string;
            replicas: components["schemas"]["Replica"][];
            table: string;
            /** @description Murmur3 token of the key, as a decimal string. */
            token: string;
        };
        /** @description The members of a problem. */
        Problem: {
            /** Format: int32 */
            alive_replicas?: number;
            detail: string;
            /** @description The same as `detail`, for older clients. */
            error: string;
            errors: components["schemas"]["ProblemError"][];
            /** @description Of an import: what became of its lines. */
            report?: components["schemas"]["ImportReport"];
            request_id: string;
            /**
             * Format: int32
             * @description Replicas that the consistency level requires, where too few are alive.
             */
            required_replicas?: number;
            /** Format: int32 */
            status: number;
            title: string;
            /** @example urn:store-manager:problem:sku_taken */
            type: string;
        };
        /** @description One broken rule. */
        ProblemError: {
            /**
             * Format: int64
             * @description Units that are in stock.
             */
            available?: number;
            code: string;
            detail: string;
            /** @description JSON pointer into the body, or `query:NAME`, `header:NAME`. */
            pointer: string;
            /**
             * Format: uuid
             * @description The product of which less is in stock than was asked for, where that is the reason.
             */
            product_id?: string;
            /**
             * Format: int64
             * @description Units that were asked for.
             */
            requested?: number;
        };
        /** @description A product as it is answered. */
        Product: {
            /**
             * Format: date-time
             * @description Only of a product that was deleted and had a stock: it is read by its id and in the list of archived ones, and is
             *     changed only to restore it.
             */
            archived_at?: string;
            brand: string | null;
            category: string | null;
            /** Format: date-time */
            created_at: string;
            description: string | null;
            /** Format: uuid */
            id: string;
            /**
             * Format: int32
             * @description Only of a product that has one: units below which its stock is low.
             */
            low_stock_threshold?: number;
            name: string;
            /**
             * Format: double
             * @description The amount that was sent, exactly.
             * @example 10.5
             */
            price: number;
            /**
             * Format: uuid
             * @description The id again, in answers to POST only.
             */
            product_id?: string;
            sku: string;
            stock?: components["schemas"]["ProductStock"] | null;
            /** Format: date-time */
            updated_at: string;
            /**
             * Format: int64
             * @description 1 when created, +1 with each change; the entity tag is this number in quotes.
             */
            version: number;
        };
        /** @description A partial change (RFC 7396): absent members stay, `null` clears an optional one. */
        ProductChange: {
            /** @description `null` restores an archived product: it is in the lists again with its stock, if its sku, or the one that is sent with this, is free. */
            archived_at?: null;
            brand?: string | null;
            category?: string | null;
            description?: string | null;
            /** Format: int32 */
            low_stock_threshold?: number | null;
            name?: string;
            /**
             * Format: double
             * @example 10.5
             */
            price?: number;
            sku?: string;
        };
        /** @description The stock beside a product. */
        ProductStock: {
            /**
             * Format: int64
             * @description Units that are there.
             */
            quantity: number;
            /** Format: date-time */
            updated_at: string;
            /**
             * Format: int64
             * @description Of the stock, not of the product.
             */
            version: number;
        };
        /** @description What Cassandra noted of a statement that was traced. */
        QueryTrace: {
            /** @description Address of the node that coordinated it. */
            coordinator?: string | null;
            /**
             * Format: int64
             * @description Microseconds in all.
             */
            duration_us?: number | null;
            /** @description The first thousand, in the order in which they were made. */
            events: components["schemas"]["QueryTraceEvent"][];
            /** Format: uuid */
            id: string;
            request?: string | null;
            /** Format: date-time */
            started_at?: string | null;
        };
        /** @description A step of a statement. */
        QueryTraceEvent: {
            activity?: string | null;
            /**
             * Format: int64
             * @description Microseconds since the statement came to that node.
             */
            elapsed_us?: number | null;
            /** @description Address of the node that made it. */
            node?: string | null;
            thread?: string | null;
        };
        /** @description A node that keeps a replica. */
        Replica: {
            address: string;
            datacenter?: string | null;
            /** Format: uuid */
            host_id: string;
            rack?: string | null;
            state: components["schemas"]["NodeState"];
        };
        /** @description The token ring of a keyspace. */
        Ring: {
            cluster_name: string;
            keyspace: string;
            ranges: components["schemas"]["RingRange"][];
        };
        /** @description A range of tokens and its replicas. */
        RingRange: {
            /** @description Inclusive. */
            end: string;
            /** @description Host ids, primary replica first. */
            replicas: string[];
            /** @description Exclusive. */
            start: string;
        };
        /** @description A row of the report on products. */
        Seller: {
            /** Format: uuid */
            product_id: string;
            /**
             * Format: int64
             * @description Units in all orders that are not cancelled.
             */
            quantity_sold: number;
        };
        /** @description A request under the key */
        SentRequest: {
            /**
             * @description What follows from that.
             * @example it was done
             */
            detail: string;
            /** @description Why it was refused, as its answer said. */
            errors?: components["schemas"]["ProblemError"][];
            /**
             * @description Version that it made, in quotes, where that is known.
             * @example "1"
             */
            etag?: string;
            /**
             * @description Path of what it made, where it was done.
             * @example /orders/0190a0a0-0000-7000-8000-000000000000
             */
            location?: string;
            /**
             * @description Method and path.
             * @example POST /orders
             */
            request: string;
            state: components["schemas"]["SentRequestState"];
        };
        /**
         * @description What became of a request
         * @enum {string}
         */
        SentRequestState: "done" | "refused" | "under_way" | "not_done" | "unknown";
        /** @description A row of the report on users. */
        Spender: {
            /**
             * Format: double
             * @description Sum of the totals of the user's orders that are not cancelled, exactly.
             * @example 310.75
             */
            total_expense: number;
            /** Format: uuid */
            user_id: string;
        };
        /** @description State of the process. */
        Status: {
            /** @example ok */
            status: string;
        };
        /** @description A stock as it is answered. */
        Stock: {
            /**
             * Format: uuid
             * @description The movement that was made, in answers to POST only.
             */
            movement_id?: string;
            /** Format: uuid */
            product_id: string;
            /**
             * Format: int64
             * @description Units that are there; the sum of all movements.
             */
            quantity: number;
            /** Format: date-time */
            updated_at: string;
            /**
             * Format: int64
             * @description Number of movements, +1 with each; the entity tag is this number in quotes.
             */
            version: number;
        };
        /** @description A row of the stock report. */
        StockOverview: {
            name: string;
            /** Format: uuid */
            product_id: string;
            sku: string;
            /**
             * Format: double
             * @example 10.5
             */
            unit_price: number;
            /**
             * Format: int64
             * @description 0 for a product whose stock was never set.
             */
            units_in_stock: number;
        };
        /** @description A user as it is answered. */
        User: {
            /** Format: date-time */
            created_at: string;
            email: string;
            /** Format: uuid */
            id: string;
            name: string;
            /** Format: date-time */
            updated_at: string;
            /**
             * Format: uuid
             * @description The id again, in answers to POST only.
             */
            user_id?: string;
            /**
             * Format: int64
             * @description 1 when created, +1 with each change; the entity tag is this number in quotes.
             */
            version: number;
        };
        /** @description A partial change (RFC 7396): absent members stay. */
        UserChange: {
            email?: string;
            name?: string;
        };
        /** @description Who sent the request, as far as the API knows. */
        Viewer: {
            /** @description What this role may send. */
            may: components["schemas"]["Allowed"][];
            /**
             * @description Who it is: the subject of a signed token, or the name of a secret one; `null` where the API asks for none.
             * @example seller.till-1
             */
            principal?: string | null;
            /**
             * @description Role of the token; `null` where the API asks for none, and everybody may do everything.
             * @example seller
             */
            role?: string | null;
        };
    };
    responses: {
        /** @description The e-mail address is taken */
        EmailConflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "another user has this address",
                 *       "error": "another user has this address",
                 *       "errors": [
                 *         {
                 *           "code": "email_taken",
                 *           "detail": "another user has this address",
                 *           "pointer": "/email"
                 *         }
                 *       ],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 409,
                 *       "title": "Conflict",
                 *       "type": "urn:store-manager:problem:conflict"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The role that the token tells may not do this */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "a supplier may not do this",
                 *       "error": "a supplier may not do this",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 403,
                 *       "title": "Forbidden",
                 *       "type": "urn:store-manager:problem:forbidden"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description What follows the position is no longer kept: read anew, and go on from the end of the feed */
        Gone: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "changes after this position are no longer kept: read what you need anew, and go on from GET /changes without after",
                 *       "error": "changes after this position are no longer kept: read what you need anew, and go on from GET /changes without after",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 410,
                 *       "title": "Gone",
                 *       "type": "urn:store-manager:problem:position_expired"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request cannot be understood: path, query, headers or JSON */
        Malformed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "limit is a whole number from 1 to 100",
                 *       "error": "limit is a whole number from 1 to 100",
                 *       "errors": [
                 *         {
                 *           "code": "out_of_range",
                 *           "detail": "limit is a whole number from 1 to 100",
                 *           "pointer": "query:limit"
                 *         }
                 *       ],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 400,
                 *       "title": "Bad Request",
                 *       "type": "urn:store-manager:problem:malformed_request"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The client accepts no JSON */
        NotAcceptable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "answers are application/json",
                 *       "error": "answers are application/json",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 406,
                 *       "title": "Not Acceptable",
                 *       "type": "urn:store-manager:problem:not_acceptable"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description No such resource */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "no such product",
                 *       "error": "no such product",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 404,
                 *       "title": "Not Found",
                 *       "type": "urn:store-manager:problem:not_found"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description What has become of the order does not allow this */
        OrderConflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "the order is not paid",
                 *       "error": "the order is not paid",
                 *       "errors": [
                 *         {
                 *           "code": "not_paid",
                 *           "detail": "the order is not paid",
                 *           "pointer": "/status"
                 *         }
                 *       ],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 409,
                 *       "title": "Conflict",
                 *       "type": "urn:store-manager:problem:conflict"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The request breaks rules of the store; `errors` names each */
        RuleBroken: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "price must have at most two decimal places",
                 *       "error": "price must have at most two decimal places",
                 *       "errors": [
                 *         {
                 *           "code": "out_of_range",
                 *           "detail": "price must have at most two decimal places",
                 *           "pointer": "/price"
                 *         }
                 *       ],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 422,
                 *       "title": "Unprocessable Entity",
                 *       "type": "urn:store-manager:problem:rule_broken"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The sku is taken */
        SkuConflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "another product has this sku",
                 *       "error": "another product has this sku",
                 *       "errors": [
                 *         {
                 *           "code": "sku_taken",
                 *           "detail": "another product has this sku",
                 *           "pointer": "/sku"
                 *         }
                 *       ],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 409,
                 *       "title": "Conflict",
                 *       "type": "urn:store-manager:problem:conflict"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body did not arrive in time */
        SlowBody: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "the body did not arrive within 8 s",
                 *       "error": "the body did not arrive within 8 s",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 408,
                 *       "title": "Request Timeout",
                 *       "type": "urn:store-manager:problem:body_too_slow"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body has more than 64 KiB */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "a body has at most 65536 bytes",
                 *       "error": "a body has at most 65536 bytes",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 413,
                 *       "title": "Payload Too Large",
                 *       "type": "urn:store-manager:problem:body_too_large"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Whoever sent it has sent as many as they may (`RateLimit-Policy`); again after `Retry-After` */
        TooManyRequests: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "you have sent as many requests as you may, the next is taken after 1 s",
                 *       "error": "you have sent as many requests as you may, the next is taken after 1 s",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 429,
                 *       "title": "Too Many Requests",
                 *       "type": "urn:store-manager:problem:rate_limited"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description There is no token, or it is not valid here; `WWW-Authenticate` says which */
        Unauthorized: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "send a token as Authorization: Bearer",
                 *       "error": "send a token as Authorization: Bearer",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 401,
                 *       "title": "Unauthorized",
                 *       "type": "urn:store-manager:problem:unauthorized"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Nothing was changed; try again after `Retry-After`. Says how many replicas are required and alive where that is the cause */
        Unavailable: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "alive_replicas": 1,
                 *       "detail": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                 *       "error": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "required_replicas": 2,
                 *       "status": 503,
                 *       "title": "Service Unavailable",
                 *       "type": "urn:store-manager:problem:too_few_replicas"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The outcome could not be learnt in time; ask `/operations/{key}` where it was sent under a key, else read before trying again */
        UnknownOutcome: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "the outcome could not be learnt in time, read before you try again",
                 *       "error": "the outcome could not be learnt in time, read before you try again",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 504,
                 *       "title": "Gateway Timeout",
                 *       "type": "urn:store-manager:problem:unknown_outcome"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The body is of another media type */
        UnsupportedMediaType: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "send application/json",
                 *       "error": "send application/json",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 415,
                 *       "title": "Unsupported Media Type",
                 *       "type": "urn:store-manager:problem:unsupported_media_type"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The resource is not as `If-Match` and `If-None-Match` ask */
        VersionMoved: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "detail": "the product is at none of the versions that If-Match names, read it again",
                 *       "error": "the product is at none of the versions that If-Match names, read it again",
                 *       "errors": [],
                 *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                 *       "status": 412,
                 *       "title": "Precondition Failed",
                 *       "type": "urn:store-manager:problem:version_moved"
                 *     }
                 */
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAudit: {
        parameters: {
            query?: {
                /**
                 * @description The day, by UTC; today unless given
                 * @example 2026-11-22
                 */
                day?: string;
                /** @description Who did it, as the lines tell it */
                principal?: string;
                /** @description Id of what was changed; that of a stock is its product's */
                object?: string;
                /** @description Lines of the page, 50 by default */
                limit?: number;
                /** @description Where the page before ended, from its Link */
                cursor?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Lines, the last change first; `Link` leads to the next page, a page may be empty */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "at": "2026-11-22T17:38:36.000Z",
                     *         "id": "0190a0a0-0000-7000-8000-000000000005",
                     *         "kind": "stock",
                     *         "object_id": "0190a0a0-0000-7000-8000-000000000001",
                     *         "principal": "ana",
                     *         "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *         "version": 2,
                     *         "what": "adjustment"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["AuditLine"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    listChanges: {
        parameters: {
            query?: {
                /** @description A position of this feed: `next`, or the id of an event */
                after?: string;
                /**
                 * @description Which changes, a comma list; all unless given
                 * @example stock,order
                 */
                kinds?: string;
                /** @description Seconds to wait for a change, 20 by default */
                wait?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Changes, or none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "changes": [
                     *         {
                     *           "at": "2026-11-22T17:38:36.000Z",
                     *           "delta": -2,
                     *           "id": "0190a0a0-0000-7000-8000-000000000001",
                     *           "kind": "stock",
                     *           "quantity": 23,
                     *           "version": 2,
                     *           "what": "order"
                     *         }
                     *       ],
                     *       "next": "4711-0"
                     *     }
                     */
                    "application/json": components["schemas"]["Changes"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            410: components["responses"]["Gone"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getActivity: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nodes by datacenter, rack and address, each with what it tells */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "address": "10.0.0.1",
                     *         "detail": null,
                     *         "hints": [
                     *           {
                     *             "address": "10.0.0.2",
                     *             "files": 1,
                     *             "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c5",
                     *             "newest": "2026-12-01 01:00:00.000Z",
                     *             "oldest": "2026-12-01 00:59:00.000Z"
                     *           }
                     *         ],
                     *         "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
                     *         "outbound": [
                     *           {
                     *             "address": "10.0.0.2",
                     *             "errors": 0,
                     *             "expired": 0,
                     *             "pending": 0,
                     *             "pending_bytes": 0
                     *           }
                     *         ],
                     *         "peers": [
                     *           {
                     *             "address": "10.0.0.2",
                     *             "generation": 1798765432,
                     *             "heartbeat": 4711,
                     *             "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c5",
                     *             "silent_ms": 0,
                     *             "status": "NORMAL"
                     *           }
                     *         ],
                     *         "state": "UP",
                     *         "streams": [
                     *           {
                     *             "bytes_received": 0,
                     *             "bytes_sent": 400,
                     *             "bytes_to_receive": 0,
                     *             "bytes_to_send": 1000,
                     *             "id": "0190a0a0-0000-7000-8000-000000000009",
                     *             "operation": "Repair",
                     *             "peers": [
                     *               "/10.0.0.2:7000"
                     *             ],
                     *             "percent": 40,
                     *             "status": "start"
                     *           }
                     *         ],
                     *         "tasks": [
                     *           {
                     *             "keyspace": "store_manager",
                     *             "kind": "validation",
                     *             "progress": 10,
                     *             "table": "products",
                     *             "total": 100,
                     *             "unit": "bytes"
                     *           }
                     *         ]
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["NodeActivity"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getConsistency: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Levels of the store's keyspace */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "default_level": "LOCAL_QUORUM",
                     *       "keyspace": "store_manager",
                     *       "levels": [
                     *         {
                     *           "level": "ONE",
                     *           "possible": true,
                     *           "reads_see_writes": false,
                     *           "required": 1,
                     *           "survives_nodes_down": 2
                     *         }
                     *       ],
                     *       "nodes": 3,
                     *       "nodes_up": 3,
                     *       "replication": {
                     *         "dc1": 3
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ConsistencyTable"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    listKeyspaces: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Keyspaces by name */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "durable_writes": true,
                     *         "name": "store_manager",
                     *         "replication": {
                     *           "dc1": 3
                     *         },
                     *         "strategy": "NetworkTopologyStrategy",
                     *         "tables": {
                     *           "products": [
                     *             {
                     *               "cql_type": "uuid",
                     *               "name": "id"
                     *             }
                     *           ]
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Keyspace"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    watchNodes: {
        parameters: {
            query?: {
                /** @description The `id` that the viewer has */
                after?: string;
                /** @description Seconds to wait for a change, 20 by default */
                wait?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The nodes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "5f2c8a305a4e4c7e9d631c64",
                     *       "nodes": [
                     *         {
                     *           "address": "10.0.0.1",
                     *           "datacenter": "dc1",
                     *           "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
                     *           "port": 9042,
                     *           "rack": "a",
                     *           "release_version": "5.0.9",
                     *           "schema_version": null,
                     *           "state": "UP",
                     *           "tokens": [
                     *             "-4611686018427387904"
                     *           ]
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["ClusterLive"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    listNodes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nodes by datacenter, rack and address */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "address": "10.0.0.1",
                     *         "datacenter": "dc1",
                     *         "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
                     *         "port": 9042,
                     *         "rack": "a",
                     *         "release_version": "5.0.9",
                     *         "schema_version": null,
                     *         "state": "UP",
                     *         "tokens": [
                     *           "-4611686018427387904"
                     *         ]
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["ClusterNode"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getClusterOperation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What the operator told last */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "told": {
                     *         "changes": [
                     *           {
                     *             "at": "2026-12-01T00:59:00Z",
                     *             "fields": [
                     *               "spec.cassandra.size"
                     *             ],
                     *             "generation": 4
                     *           }
                     *         ],
                     *         "faults": [
                     *           {
                     *             "message": "shop-cassandra-a-0 is Down",
                     *             "object": "shop-cassandra-a-0",
                     *             "reason": "NodeDown",
                     *             "since": "2026-12-01T01:02:00Z"
                     *           }
                     *         ],
                     *         "message": "spec.cassandra.size asked for a node more",
                     *         "operations": [
                     *           {
                     *             "cause": "spec.cassandra.size",
                     *             "failed": {
                     *               "again_at": "2026-12-01T01:03:00Z",
                     *               "attempts": 1,
                     *               "cause": "the stream broke off"
                     *             },
                     *             "generation": 4,
                     *             "keyspace": null,
                     *             "kind": "Join",
                     *             "lane": "Ring",
                     *             "moved_at": "2026-12-01T01:01:00Z",
                     *             "pod": "shop-cassandra-b-1",
                     *             "progress": "12 MiB streamed",
                     *             "replication": null,
                     *             "started_at": "2026-12-01T01:00:00Z",
                     *             "step": "b-1 joins",
                     *             "until": "2026-12-01T01:15:00Z"
                     *           }
                     *         ],
                     *         "owed": [
                     *           {
                     *             "keyspace": null,
                     *             "kind": "Cleanup",
                     *             "nodes": 2,
                     *             "since": "2026-12-01T01:00:00Z"
                     *           }
                     *         ],
                     *         "shop": "shop",
                     *         "waits": [
                     *           {
                     *             "object": "shop-cassandra-b-1",
                     *             "reason": "NodeJoining",
                     *             "since": "2026-12-01T01:00:00Z",
                     *             "until": "2026-12-01T01:15:00Z"
                     *           }
                     *         ]
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ClusterOperation"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getPlacement: {
        parameters: {
            query?: {
                /**
                 * @description Table of the store's keyspace; with `key`
                 * @example products
                 */
                table?: string;
                /**
                 * @description Partition key, one value per column in the table's order
                 * @example [
                 *       "0190a0a0-0000-7000-8000-000000000000"
                 *     ]
                 */
                key?: string[];
                /** @description Id of the product whose stock is looked for, in place of `table` and `key` */
                stock?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Token and replicas */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "key": [
                     *         "0190a0a0-0000-7000-8000-000000000001"
                     *       ],
                     *       "keyspace": "store_manager",
                     *       "replicas": [
                     *         {
                     *           "address": "10.0.0.1",
                     *           "datacenter": "dc1",
                     *           "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
                     *           "rack": "a",
                     *           "state": "UP"
                     *         }
                     *       ],
                     *       "table": "products",
                     *       "token": "-8130481337352478917"
                     *     }
                     */
                    "application/json": components["schemas"]["Placement"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getReplicas: {
        parameters: {
            query?: {
                /**
                 * @description `products`, `users`, `orders` or `ledgers`; with `key`
                 * @example products
                 */
                table?: string;
                /**
                 * @description Partition key, one value per column in the table's order
                 * @example [
                 *       "0190a0a0-0000-7000-8000-000000000000"
                 *     ]
                 */
                key?: string[];
                /** @description Id of the product whose stock is looked for, in place of `table` and `key` */
                stock?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each replica with its copy; without rows where it has none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "key": [
                     *         "0190a0a0-0000-7000-8000-000000000001"
                     *       ],
                     *       "keyspace": "store_manager",
                     *       "replicas": [
                     *         {
                     *           "address": "10.0.0.1",
                     *           "datacenter": "dc1",
                     *           "detail": null,
                     *           "host_id": "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4",
                     *           "rack": "a",
                     *           "rows": [
                     *             {
                     *               "id": "0190a0a0-0000-7000-8000-000000000001",
                     *               "name": "Desk lamp",
                     *               "version": 2
                     *             }
                     *           ],
                     *           "state": "UP"
                     *         }
                     *       ],
                     *       "table": "products",
                     *       "token": "-8130481337352478917"
                     *     }
                     */
                    "application/json": components["schemas"]["Copies"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getRing: {
        parameters: {
            query?: {
                /** @description By default the store's */
                keyspace?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ranges of the ring with their replicas */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "cluster_name": "shop",
                     *       "keyspace": "store_manager",
                     *       "ranges": [
                     *         {
                     *           "end": "0",
                     *           "replicas": [
                     *             "7b9cf3a0-32b7-4c7b-8d7e-9a42f3a1d0c4"
                     *           ],
                     *           "start": "-4611686018427387904"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Ring"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getTrace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the trace */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The trace */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "coordinator": "10.0.0.1",
                     *       "duration_us": 1830,
                     *       "events": [
                     *         {
                     *           "activity": "Executing single-partition query on products",
                     *           "elapsed_us": 214,
                     *           "node": "10.0.0.1",
                     *           "thread": "ReadStage-2"
                     *         }
                     *       ],
                     *       "id": "6b1f3c80-8d0e-11f0-9d2c-0f6f3a1f5c01",
                     *       "request": "Execute CQL3 prepared query",
                     *       "started_at": "2026-11-22T17:38:36.000Z"
                     *     }
                     */
                    "application/json": components["schemas"]["QueryTrace"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process serves */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "healthy"
                     *     }
                     */
                    "application/json": components["schemas"]["Status"];
                };
            };
        };
    };
    healthCheck: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process serves */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Status"];
                };
            };
        };
    };
    getImport: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Id of the import, from the `Location` of its answer 202 */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The import; while it runs with `Retry-After` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "answer": {
                     *         "changed": 0,
                     *         "created": 1,
                     *         "dry_run": false,
                     *         "errors": [],
                     *         "failed": 0,
                     *         "last_line": 2,
                     *         "lines": 1,
                     *         "unchanged": 0
                     *       },
                     *       "detail": "it has ended, status and answer tell how",
                     *       "ended_at": "2026-11-22T17:38:52.000Z",
                     *       "id": "0190a0a0-0000-7000-8000-000000000004",
                     *       "kind": "products",
                     *       "progress": {
                     *         "changed": 0,
                     *         "created": 1,
                     *         "failed": 0,
                     *         "lines": 1,
                     *         "unchanged": 0
                     *       },
                     *       "started_at": "2026-11-22T17:38:36.000Z",
                     *       "state": "ended",
                     *       "status": 200
                     *     }
                     */
                    "application/json": components["schemas"]["Import"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description No such import, or none of the last day */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "no such product",
                     *       "error": "no such product",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 404,
                     *       "title": "Not Found",
                     *       "type": "urn:store-manager:problem:not_found"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "openapi": "3.1.0"
                     *     }
                     */
                    "application/json": Record<string, never>;
                };
            };
        };
    };
    getOperation: {
        parameters: {
            query?: {
                /**
                 * @description Whose key it is, as `/whoami` names them; only for admins and auditors
                 * @example seller.till-1
                 */
                principal?: string;
            };
            header?: never;
            path: {
                /**
                 * @description The key, percent-encoded
                 * @example 7d5c2f0e
                 */
                key: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was sent; while it may be running with `Retry-After` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "key": "7d5c2f0e",
                     *       "requests": [
                     *         {
                     *           "detail": "it was done",
                     *           "etag": "\"1\"",
                     *           "location": "/orders/0190a0a0-0000-7000-8000-000000000003",
                     *           "request": "POST /orders",
                     *           "state": "done"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Operation"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            /** @description Nothing was begun under this key in the last day: send the request */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "no such product",
                     *       "error": "no such product",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 404,
                     *       "title": "Not Found",
                     *       "type": "urn:store-manager:problem:not_found"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    listOrders: {
        parameters: {
            query?: {
                /** @description Orders of a page */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
                /** @description Orders of this user */
                user_id?: string;
                /** @description Orders in this status */
                status?: components["schemas"]["OrderStatus"];
                /**
                 * @description Orders made on this day, by UTC
                 * @example 2026-11-22
                 */
                day?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "created_at": "2026-11-22T17:38:36.000Z",
                     *         "id": "0190a0a0-0000-7000-8000-000000000003",
                     *         "is_paid": false,
                     *         "items": [
                     *           {
                     *             "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *             "quantity": 2,
                     *             "unit_price": 10.5
                     *           }
                     *         ],
                     *         "order_id": "0190a0a0-0000-7000-8000-000000000003",
                     *         "payment_id": null,
                     *         "status": "confirmed",
                     *         "total": 21,
                     *         "total_amount": 21,
                     *         "updated_at": "2026-11-22T17:38:36.000Z",
                     *         "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *         "version": 2
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Order"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    payOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "is_paid": true,
                 *       "order_id": "0190a0a0-0000-7000-8000-000000000003",
                 *       "payment_id": "P-77"
                 *     }
                 */
                "application/json": components["schemas"]["OrderPayment"];
            };
        };
        responses: {
            /** @description The order after the change */
            200: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "is_paid": true,
                     *       "items": [
                     *         {
                     *           "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *           "quantity": 2,
                     *           "unit_price": 10.5
                     *         }
                     *       ],
                     *       "order_id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "payment_id": "P-77",
                     *       "payments": [
                     *         {
                     *           "amount": 21,
                     *           "at": "2026-11-22T17:38:36.000Z",
                     *           "by": "payment.card",
                     *           "payment_id": "P-77"
                     *         }
                     *       ],
                     *       "refund_due": false,
                     *       "status": "paid",
                     *       "total": 21,
                     *       "total_amount": 21,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "version": 3
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            409: components["responses"]["OrderConflict"];
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    createOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Chosen by the client, remembered for a day: the same request is answered again, another
                 *     one under the same key is refused.
                 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "items": [
                 *         {
                 *           "product_id": "0190a0a0-0000-7000-8000-000000000001",
                 *           "quantity": 2
                 *         }
                 *       ],
                 *       "user_id": "0190a0a0-0000-7000-8000-000000000002"
                 *     }
                 */
                "application/json": components["schemas"]["NewOrder"];
            };
        };
        responses: {
            /** @description Created and confirmed */
            201: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    /** @description `true` on an answer given before */
                    "Idempotency-Replayed"?: string;
                    /** @description Path of the order */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "is_paid": false,
                     *       "items": [
                     *         {
                     *           "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *           "quantity": 2,
                     *           "unit_price": 10.5
                     *         }
                     *       ],
                     *       "order_id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "payment_id": null,
                     *       "payments": [],
                     *       "refund_due": false,
                     *       "status": "confirmed",
                     *       "total": 21,
                     *       "total_amount": 21,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            /** @description Not enough is in stock: `errors` names each short line with `requested` and `available`. Or the first request under this key is still running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the first request under this Idempotency-Key is still running",
                     *       "error": "the first request under this Idempotency-Key is still running",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 409,
                     *       "title": "Conflict",
                     *       "type": "urn:store-manager:problem:idempotency_key_in_flight"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    exportOrders: {
        parameters: {
            query?: {
                /** @description Orders of this user */
                user_id?: string;
                /** @description Orders in this status */
                status?: components["schemas"]["OrderStatus"];
                /**
                 * @description Orders made on this day, by UTC
                 * @example 2026-11-22
                 */
                day?: string;
                /** @description Begin with a byte order mark, by which Excel knows UTF-8. */
                bom?: boolean;
                /** @description `semicolon`: as Excel reads and writes in much of Europe, with a comma in prices; an import takes it, too. */
                separator?: "comma" | "semicolon";
                /** @description `quoted`: an apostrophe before texts that a spreadsheet would take for a formula. */
                formulas?: "plain" | "quoted";
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All orders that were asked for */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example order_id,created_at,status,user_id,payment_id,product_id,quantity,unit_price,line_total
                     *     0190a0a0-0000-7000-8000-000000000003,2026-11-22T17:38:36.000Z,confirmed,0190a0a0-0000-7000-8000-000000000002,,0190a0a0-0000-7000-8000-000000000001,2,10.5,21.00
                     */
                    "text/csv": string;
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    reportSellers: {
        parameters: {
            query?: {
                /** @description Rows of the report, 10 by default */
                limit?: number;
                /**
                 * @description First day on which orders were made, by UTC
                 * @example 2026-11-01
                 */
                from?: string;
                /**
                 * @description Last day on which orders were made, by UTC
                 * @example 2026-11-30
                 */
                to?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *         "quantity_sold": 2
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Seller"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    reportSpenders: {
        parameters: {
            query?: {
                /** @description Rows of the report, 10 by default */
                limit?: number;
                /**
                 * @description First day on which orders were made, by UTC
                 * @example 2026-11-01
                 */
                from?: string;
                /**
                 * @description Last day on which orders were made, by UTC
                 * @example 2026-11-30
                 */
                to?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The report */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "total_expense": 21,
                     *         "user_id": "0190a0a0-0000-7000-8000-000000000002"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Spender"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getOrder: {
        parameters: {
            query?: {
                /** @description `products`: each line with its product as it is now, and so without an entity tag */
                expand?: string;
            };
            header?: {
                /**
                 * @description Entity tags that the client has
                 * @example "3"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Entity tags of the versions that are asked for, or `*`
                 * @example *
                 */
                "If-Match"?: string;
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path: {
                /** @description Id of the order */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The order */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "is_paid": false,
                     *       "items": [
                     *         {
                     *           "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *           "quantity": 2,
                     *           "unit_price": 10.5
                     *         }
                     *       ],
                     *       "order_id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "payment_id": null,
                     *       "payments": [],
                     *       "refund_due": false,
                     *       "status": "confirmed",
                     *       "total": 21,
                     *       "total_amount": 21,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description The client has this version */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    cancelOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the order */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancelled, now or before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "deleted": true
                     *     }
                     */
                    "application/json": components["schemas"]["OrderDeleted"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            409: components["responses"]["OrderConflict"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    changeOrder: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the order */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "is_paid": true,
                 *       "payment_id": "P-77"
                 *     }
                 */
                "application/json": components["schemas"]["OrderChange"];
                /**
                 * @example {
                 *       "is_paid": true,
                 *       "payment_id": "P-77"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["OrderChange"];
            };
        };
        responses: {
            /** @description The order after the change */
            200: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "is_paid": true,
                     *       "items": [
                     *         {
                     *           "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *           "quantity": 2,
                     *           "unit_price": 10.5
                     *         }
                     *       ],
                     *       "order_id": "0190a0a0-0000-7000-8000-000000000003",
                     *       "payment_id": "P-77",
                     *       "payments": [
                     *         {
                     *           "amount": 21,
                     *           "at": "2026-11-22T17:38:36.000Z",
                     *           "by": "payment.card",
                     *           "payment_id": "P-77"
                     *         }
                     *       ],
                     *       "refund_due": false,
                     *       "status": "paid",
                     *       "total": 21,
                     *       "total_amount": 21,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "version": 3
                     *     }
                     */
                    "application/json": components["schemas"]["Order"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            409: components["responses"]["OrderConflict"];
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    listProducts: {
        parameters: {
            query?: {
                /** @description Products of a page */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
                /** @description Exactly this sku */
                sku?: string;
                /** @description Beginning of the name, without regard to case */
                name_prefix?: string;
                /** @description Exactly this category */
                category?: string;
                /** @description Words that the name has, all of them, without regard to case and accents; at least one letter or digit */
                words?: string;
                /** @description `true`: those that are archived, and no others; without another filter */
                archived?: boolean;
                /** @description `name`: in the order of the names, of a `category`, `name_prefix` or `words` that has 250 products at most */
                sort?: string;
                /** @description `stock`: each with what is there of it */
                expand?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "brand": "Hillside",
                     *         "category": "tea",
                     *         "created_at": "2026-11-22T17:38:36.000Z",
                     *         "description": null,
                     *         "id": "0190a0a0-0000-7000-8000-000000000001",
                     *         "name": "Green tea, 100 g",
                     *         "price": 10.5,
                     *         "sku": "TEA-GREEN-100",
                     *         "updated_at": "2026-11-22T17:38:36.000Z",
                     *         "version": 1
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Product"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    createProduct: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Chosen by the client, remembered for a day: the same request is answered again, another
                 *     one under the same key is refused.
                 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "brand": "Hillside",
                 *       "category": "tea",
                 *       "name": "Green tea, 100 g",
                 *       "price": 10.5,
                 *       "sku": "TEA-GREEN-100"
                 *     }
                 */
                "application/json": components["schemas"]["NewProduct"];
            };
        };
        responses: {
            /** @description Created; it is on the first page of the list */
            201: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    /** @description `true` on an answer given before */
                    "Idempotency-Replayed"?: string;
                    /** @description Path of the product */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "brand": "Hillside",
                     *       "category": "tea",
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "description": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "name": "Green tea, 100 g",
                     *       "price": 10.5,
                     *       "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "sku": "TEA-GREEN-100",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["Product"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            /** @description The sku is taken, or the first request under this key is still running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the first request under this Idempotency-Key is still running",
                     *       "error": "the first request under this Idempotency-Key is still running",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 409,
                     *       "title": "Conflict",
                     *       "type": "urn:store-manager:problem:idempotency_key_in_flight"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    exportProducts: {
        parameters: {
            query?: {
                /** @description Begin with a byte order mark, by which Excel knows UTF-8. */
                bom?: boolean;
                /** @description `semicolon`: as Excel reads and writes in much of Europe, with a comma in prices; an import takes it, too. */
                separator?: "comma" | "semicolon";
                /** @description `quoted`: an apostrophe before texts that a spreadsheet would take for a formula. */
                formulas?: "plain" | "quoted";
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole table */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example sku,name,price,brand,category,description
                     *     TEA-GREEN-100,"Green tea, 100 g",10.50,Hillside,tea,
                     */
                    "text/csv": string;
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    importProducts: {
        parameters: {
            query?: {
                /** @description Tell of skus that are not there instead of creating their products */
                update_only?: boolean;
                /** @description Only say what would be done */
                dry_run?: boolean;
            };
            header?: {
                /**
                 * @description `respond-async`: do not wait for the end of the import
                 * @example wait=600
                 */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example sku,name,price,category
                 *     MUG-1,"Mug, blue",7.90,kitchen
                 */
                "application/vnd.ms-excel": string;
                /**
                 * @example {
                 *       "file": "sku,name,price,category\r\nMUG-1,\"Mug, blue\",7.90,kitchen\r\n"
                 *     }
                 */
                "multipart/form-data": components["schemas"]["FileForm"];
                /**
                 * @example sku,name,price,category
                 *     MUG-1,"Mug, blue",7.90,kitchen
                 */
                "text/csv": string;
            };
        };
        responses: {
            /** @description Every line was done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "changed": 0,
                     *       "created": 1,
                     *       "dry_run": false,
                     *       "errors": [],
                     *       "failed": 0,
                     *       "last_line": 2,
                     *       "lines": 1,
                     *       "unchanged": 0
                     *     }
                     */
                    "application/json": components["schemas"]["ImportReport"];
                };
            };
            /** @description The file has come and is being worked on; only with `Prefer: respond-async` */
            202: {
                headers: {
                    /** @description Where to ask what becomes of it */
                    Location?: string;
                    /** @description `respond-async` */
                    "Preference-Applied"?: string;
                    /** @description When to ask, in seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "answer": null,
                     *       "detail": "its lines are being done, ask again",
                     *       "ended_at": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000004",
                     *       "kind": "products",
                     *       "progress": {
                     *         "changed": 0,
                     *         "created": 0,
                     *         "failed": 0,
                     *         "lines": 0,
                     *         "unchanged": 0
                     *       },
                     *       "started_at": "2026-11-22T17:38:36.000Z",
                     *       "state": "running",
                     *       "status": null
                     *     }
                     */
                    "application/json": components["schemas"]["Import"];
                };
            };
            /** @description The request cannot be understood, or the body broke off; `report` tells what was done */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "limit is a whole number from 1 to 100",
                     *       "error": "limit is a whole number from 1 to 100",
                     *       "errors": [
                     *         {
                     *           "code": "out_of_range",
                     *           "detail": "limit is a whole number from 1 to 100",
                     *           "pointer": "query:limit"
                     *         }
                     *       ],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 400,
                     *       "title": "Bad Request",
                     *       "type": "urn:store-manager:problem:malformed_request"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            /** @description The body did not go on in time; `report` tells what was done */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the body did not arrive within 8 s",
                     *       "error": "the body did not arrive within 8 s",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 408,
                     *       "title": "Request Timeout",
                     *       "type": "urn:store-manager:problem:body_too_slow"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description More than 16 MiB or 20,000 lines; `report` tells what was done */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "a body has at most 65536 bytes",
                     *       "error": "a body has at most 65536 bytes",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 413,
                     *       "title": "Payload Too Large",
                     *       "type": "urn:store-manager:problem:body_too_large"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            415: components["responses"]["UnsupportedMediaType"];
            /** @description Lines failed; `report` tells each, and what was done with the others */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "price must have at most two decimal places",
                     *       "error": "price must have at most two decimal places",
                     *       "errors": [
                     *         {
                     *           "code": "out_of_range",
                     *           "detail": "price must have at most two decimal places",
                     *           "pointer": "/price"
                     *         }
                     *       ],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 422,
                     *       "title": "Unprocessable Entity",
                     *       "type": "urn:store-manager:problem:rule_broken"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            /** @description The database took no more; `report` tells what was done */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "alive_replicas": 1,
                     *       "detail": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                     *       "error": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "required_replicas": 2,
                     *       "status": 503,
                     *       "title": "Service Unavailable",
                     *       "type": "urn:store-manager:problem:too_few_replicas"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            504: components["responses"]["UnknownOutcome"];
        };
    };
    getProduct: {
        parameters: {
            query?: {
                /** @description `stock`: with what is there of it, and so without an entity tag */
                expand?: string;
            };
            header?: {
                /**
                 * @description Entity tags that the client has
                 * @example "3"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Entity tags of the versions that are asked for, or `*`
                 * @example *
                 */
                "If-Match"?: string;
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path: {
                /** @description Id of the product */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The product */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "brand": "Hillside",
                     *       "category": "tea",
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "description": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "name": "Green tea, 100 g",
                     *       "price": 10.5,
                     *       "sku": "TEA-GREEN-100",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["Product"];
                };
            };
            /** @description The client has this version */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    replaceProduct: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the product */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "brand": "Hillside",
                 *       "category": "tea",
                 *       "name": "Green tea, 100 g",
                 *       "price": 11.2,
                 *       "sku": "TEA-GREEN-100"
                 *     }
                 */
                "application/json": components["schemas"]["NewProduct"];
            };
        };
        responses: {
            /** @description The product after the change */
            200: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "brand": "Hillside",
                     *       "category": "tea",
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "description": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "name": "Green tea, 100 g",
                     *       "price": 11.2,
                     *       "sku": "TEA-GREEN-100",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["Product"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            409: components["responses"]["SkuConflict"];
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    deleteProduct: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the product */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed or archived */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    changeProduct: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the product */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "price": 11.2
                 *     }
                 */
                "application/json": components["schemas"]["ProductChange"];
                /**
                 * @example {
                 *       "price": 11.2
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["ProductChange"];
            };
        };
        responses: {
            /** @description The product after the change */
            200: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "brand": "Hillside",
                     *       "category": "tea",
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "description": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "name": "Green tea, 100 g",
                     *       "price": 11.2,
                     *       "sku": "TEA-GREEN-100",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["Product"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            409: components["responses"]["SkuConflict"];
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    listStocks: {
        parameters: {
            query?: {
                /** @description Products that a page looks at */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
                /**
                 * @description `threshold`: stocks with fewer units than the `low_stock_threshold` of their product; a number: with fewer units than that
                 * @example threshold
                 */
                below?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *         "quantity": 25,
                     *         "updated_at": "2026-11-22T17:38:36.000Z",
                     *         "version": 1
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Stock"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    setStock: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Chosen by the client, remembered for a day: the same request is answered again, another
                 *     one under the same key is refused.
                 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "product_id": "0190a0a0-0000-7000-8000-000000000001",
                 *       "quantity": 25
                 *     }
                 */
                "application/json": components["schemas"]["NewStock"];
            };
        };
        responses: {
            /** @description Set; the stock as it is then */
            201: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    /** @description `true` on an answer given before */
                    "Idempotency-Replayed"?: string;
                    /** @description Path of the stock */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "movement_id": "5f2c8a30-5a4e-4c7e-9d63-1c64c5f4b0a7",
                     *       "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "quantity": 25,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["Stock"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            /** @description The first request under this key is still running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the first request under this Idempotency-Key is still running",
                     *       "error": "the first request under this Idempotency-Key is still running",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 409,
                     *       "title": "Conflict",
                     *       "type": "urn:store-manager:problem:idempotency_key_in_flight"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    exportStocks: {
        parameters: {
            query?: {
                /** @description Begin with a byte order mark, by which Excel knows UTF-8. */
                bom?: boolean;
                /** @description `semicolon`: as Excel reads and writes in much of Europe, with a comma in prices; an import takes it, too. */
                separator?: "comma" | "semicolon";
                /** @description `quoted`: an apostrophe before texts that a spreadsheet would take for a formula. */
                formulas?: "plain" | "quoted";
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole table */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example sku,quantity
                     *     TEA-GREEN-100,25
                     */
                    "text/csv": string;
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    queryStocks: {
        parameters: {
            query?: never;
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "query": "query ($id: UUID!) { product(id: $id) { name price stockLevel { quantity } } }",
                 *       "variables": {
                 *         "id": "0190a0a0-0000-7000-8000-000000000001"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["GraphqlRequest"];
            };
        };
        responses: {
            /** @description Answered, each field that could not be read with an error */
            200: {
                headers: {
                    /** @description Node that coordinated the last read */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "data": {
                     *         "product": {
                     *           "name": "Green tea, 100 g",
                     *           "price": 10.5,
                     *           "stockLevel": {
                     *             "quantity": 25
                     *           }
                     *         }
                     *       }
                     *     }
                     */
                    "application/graphql-response+json": components["schemas"]["GraphqlResponse"];
                    /**
                     * @example {
                     *       "data": {
                     *         "product": {
                     *           "name": "Green tea, 100 g",
                     *           "price": 10.5,
                     *           "stockLevel": {
                     *             "quantity": 25
                     *           }
                     *         }
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GraphqlResponse"];
                };
            };
            /** @description The request cannot be understood (a problem), or the query is refused (errors without data) */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "limit is a whole number from 1 to 100",
                     *       "error": "limit is a whole number from 1 to 100",
                     *       "errors": [
                     *         {
                     *           "code": "out_of_range",
                     *           "detail": "limit is a whole number from 1 to 100",
                     *           "pointer": "query:limit"
                     *         }
                     *       ],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 400,
                     *       "title": "Bad Request",
                     *       "type": "urn:store-manager:problem:malformed_request"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                    /**
                     * @example {
                     *       "errors": [
                     *         {
                     *           "extensions": {
                     *             "code": "bad_query",
                     *             "status": 400
                     *           },
                     *           "locations": [
                     *             {
                     *               "column": 3,
                     *               "line": 1
                     *             }
                     *           ],
                     *           "message": "Unknown field \"colour\" on type \"Product\"."
                     *         }
                     *       ]
                     *     }
                     */
                    "application/graphql-response+json": components["schemas"]["GraphqlResponse"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    importStocks: {
        parameters: {
            query: {
                /**
                 * @description What the file is, such as a delivery note, or a count with its date; kept with each movement. Each moves a stock once, for good
                 * @example DN-2041
                 */
                reference: string;
                /** @description Only say what would be done */
                dry_run?: boolean;
            };
            header?: {
                /**
                 * @description `respond-async`: do not wait for the end of the import
                 * @example wait=600
                 */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example sku,quantity
                 *     TEA-GREEN-100,25
                 */
                "application/vnd.ms-excel": string;
                /**
                 * @example {
                 *       "file": "sku,quantity\r\nTEA-GREEN-100,25\r\n"
                 *     }
                 */
                "multipart/form-data": components["schemas"]["FileForm"];
                /**
                 * @example sku,quantity
                 *     TEA-GREEN-100,25
                 */
                "text/csv": string;
            };
        };
        responses: {
            /** @description Every line was done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "changed": 1,
                     *       "created": 0,
                     *       "dry_run": false,
                     *       "errors": [],
                     *       "failed": 0,
                     *       "last_line": 2,
                     *       "lines": 1,
                     *       "unchanged": 0
                     *     }
                     */
                    "application/json": components["schemas"]["ImportReport"];
                };
            };
            /** @description The file has come and is being worked on; only with `Prefer: respond-async` */
            202: {
                headers: {
                    /** @description Where to ask what becomes of it */
                    Location?: string;
                    /** @description `respond-async` */
                    "Preference-Applied"?: string;
                    /** @description When to ask, in seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "answer": null,
                     *       "detail": "its lines are being done, ask again",
                     *       "ended_at": null,
                     *       "id": "0190a0a0-0000-7000-8000-000000000004",
                     *       "kind": "products",
                     *       "progress": {
                     *         "changed": 0,
                     *         "created": 0,
                     *         "failed": 0,
                     *         "lines": 0,
                     *         "unchanged": 0
                     *       },
                     *       "started_at": "2026-11-22T17:38:36.000Z",
                     *       "state": "running",
                     *       "status": null
                     *     }
                     */
                    "application/json": components["schemas"]["Import"];
                };
            };
            /** @description The request cannot be understood, or the body broke off; `report` tells what was done */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "limit is a whole number from 1 to 100",
                     *       "error": "limit is a whole number from 1 to 100",
                     *       "errors": [
                     *         {
                     *           "code": "out_of_range",
                     *           "detail": "limit is a whole number from 1 to 100",
                     *           "pointer": "query:limit"
                     *         }
                     *       ],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 400,
                     *       "title": "Bad Request",
                     *       "type": "urn:store-manager:problem:malformed_request"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            /** @description The body did not go on in time; `report` tells what was done */
            408: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the body did not arrive within 8 s",
                     *       "error": "the body did not arrive within 8 s",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 408,
                     *       "title": "Request Timeout",
                     *       "type": "urn:store-manager:problem:body_too_slow"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description More than 16 MiB or 20,000 lines; `report` tells what was done */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "a body has at most 65536 bytes",
                     *       "error": "a body has at most 65536 bytes",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 413,
                     *       "title": "Payload Too Large",
                     *       "type": "urn:store-manager:problem:body_too_large"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            415: components["responses"]["UnsupportedMediaType"];
            /** @description Lines failed; `report` tells each, and what was done with the others */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "price must have at most two decimal places",
                     *       "error": "price must have at most two decimal places",
                     *       "errors": [
                     *         {
                     *           "code": "out_of_range",
                     *           "detail": "price must have at most two decimal places",
                     *           "pointer": "/price"
                     *         }
                     *       ],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 422,
                     *       "title": "Unprocessable Entity",
                     *       "type": "urn:store-manager:problem:rule_broken"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["TooManyRequests"];
            /** @description The database took no more; `report` tells what was done */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "alive_replicas": 1,
                     *       "detail": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                     *       "error": "LOCAL_QUORUM requires 2 replicas and 1 are alive, nothing was changed",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "required_replicas": 2,
                     *       "status": 503,
                     *       "title": "Service Unavailable",
                     *       "type": "urn:store-manager:problem:too_few_replicas"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            504: components["responses"]["UnknownOutcome"];
        };
    };
    reportStocks: {
        parameters: {
            query?: {
                /** @description Products of a page */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
                /**
                 * @description `threshold`: products of which fewer units are there than their `low_stock_threshold`; a number: than that
                 * @example threshold
                 */
                below?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "name": "Green tea, 100 g",
                     *         "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *         "sku": "TEA-GREEN-100",
                     *         "unit_price": 10.5,
                     *         "units_in_stock": 25
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["StockOverview"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    getStock: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags that the client has
                 * @example "3"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Entity tags of the versions that are asked for, or `*`
                 * @example *
                 */
                "If-Match"?: string;
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path: {
                /** @description Id of the product */
                product_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stock */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "quantity": 25,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["Stock"];
                };
            };
            /** @description The client has this version */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    adjustStock: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Chosen by the client, remembered for a day: the same request is answered again, another
                 *     one under the same key is refused.
                 */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description Id of the product */
                product_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "delta": -2,
                 *       "reason": "broken in transit",
                 *       "reference": "DN-2041"
                 *     }
                 */
                "application/json": components["schemas"]["NewAdjustment"];
            };
        };
        responses: {
            /** @description Adjusted; the stock as it is then */
            201: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    /** @description `true` on an answer given before */
                    "Idempotency-Replayed"?: string;
                    /** @description Path of the stock */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "movement_id": "5f2c8a30-5a4e-4c7e-9d63-1c64c5f4b0a7",
                     *       "product_id": "0190a0a0-0000-7000-8000-000000000001",
                     *       "quantity": 23,
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["Stock"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            /** @description Less is there than is to go, or more would be there than can be; or the first request under this key is still running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the first request under this Idempotency-Key is still running",
                     *       "error": "the first request under this Idempotency-Key is still running",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 409,
                     *       "title": "Conflict",
                     *       "type": "urn:store-manager:problem:idempotency_key_in_flight"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    listMovements: {
        parameters: {
            query?: {
                /** @description Movements of a page */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path: {
                /** @description Id of the product */
                product_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "at": "2026-11-22T17:38:36.000Z",
                     *         "by": "seller.till-1",
                     *         "delta": -2,
                     *         "id": "5f2c8a30-5a4e-4c7e-9d63-1c64c5f4b0a7",
                     *         "kind": "adjustment",
                     *         "quantity": 23,
                     *         "reason": "broken in transit",
                     *         "reference": "DN-2041",
                     *         "version": 2
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["Movement"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    listUsers: {
        parameters: {
            query?: {
                /** @description Users of a page */
                limit?: number;
                /** @description From the `Link` of the page before; of this list only */
                cursor?: string;
                /**
                 * @description The user who has exactly this address, whatever its case; without a cursor
                 * @example ana@example.org
                 */
                email?: string;
            };
            header?: {
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description `rel="next"` when there is a next page */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "created_at": "2026-11-22T17:38:36.000Z",
                     *         "email": "ana@example.org",
                     *         "id": "0190a0a0-0000-7000-8000-000000000002",
                     *         "name": "Ana Banana",
                     *         "updated_at": "2026-11-22T17:38:36.000Z",
                     *         "version": 1
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["User"][];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    createUser: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Chosen by the client, remembered for a day: the same request is answered again, another
                 *     one under the same key is refused.
                 */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "email": "ana@example.org",
                 *       "name": "Ana Banana"
                 *     }
                 */
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Created; it is on the first page of the list */
            201: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    /** @description `true` on an answer given before */
                    "Idempotency-Replayed"?: string;
                    /** @description Path of the user */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "email": "ana@example.org",
                     *       "id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "name": "Ana Banana",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "user_id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            /** @description The e-mail address is taken, or the first request under this key is still running */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "detail": "the first request under this Idempotency-Key is still running",
                     *       "error": "the first request under this Idempotency-Key is still running",
                     *       "errors": [],
                     *       "request_id": "8c1f0b6de2a7453d0000000000000011",
                     *       "status": 409,
                     *       "title": "Conflict",
                     *       "type": "urn:store-manager:problem:idempotency_key_in_flight"
                     *     }
                     */
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags that the client has
                 * @example "3"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Entity tags of the versions that are asked for, or `*`
                 * @example *
                 */
                "If-Match"?: string;
                /** @description Consistency level of this read; LOCAL_QUORUM unless configured otherwise. */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL" | "SERIAL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
                /**
                 * @description Address of the node that is to coordinate; at ONE it answers from its own copy, if it has one. By default any
                 *     replica may, and the answer names it under the same name.
                 */
                "Cassandra-Coordinator"?: string;
            };
            path: {
                /** @description Id of the user */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    /** @description Node that coordinated */
                    "Cassandra-Coordinator"?: string;
                    /** @description Level that decided */
                    "Consistency-Level"?: string;
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "email": "ana@example.org",
                     *       "id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "name": "Ana Banana",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 1
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description The client has this version */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
    eraseUser: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the user */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Erased; the e-mail address is free again */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            412: components["responses"]["VersionMoved"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    changeUser: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Entity tags of the versions that may be changed, such as `"3"`, or `*`. What is no entity
                 *     tag matches no version.
                 * @example *
                 */
                "If-Match"?: string;
                /**
                 * @description Entity tags of versions that may not be changed, or `*`: only where nothing is there yet.
                 * @example "0"
                 */
                "If-None-Match"?: string;
                /**
                 * @description Consistency level of this write, where it is above LOCAL_QUORUM. Uniqueness and versions are always decided by
                 *     lightweight transactions, and no header weakens what is written.
                 */
                "Consistency-Level"?: "ONE" | "TWO" | "QUORUM" | "LOCAL_ONE" | "LOCAL_QUORUM" | "ALL";
                /** @description Ask Cassandra for a trace; its id and summary come back under the same name. */
                "Cassandra-Trace"?: boolean;
            };
            path: {
                /** @description Id of the user */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "Ana Ananas"
                 *     }
                 */
                "application/json": components["schemas"]["UserChange"];
                /**
                 * @example {
                 *       "name": "Ana Ananas"
                 *     }
                 */
                "application/merge-patch+json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description The user after the change */
            200: {
                headers: {
                    /** @description Version in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "created_at": "2026-11-22T17:38:36.000Z",
                     *       "email": "ana@example.org",
                     *       "id": "0190a0a0-0000-7000-8000-000000000002",
                     *       "name": "Ana Ananas",
                     *       "updated_at": "2026-11-22T17:38:36.000Z",
                     *       "version": 2
                     *     }
                     */
                    "application/json": components["schemas"]["User"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            406: components["responses"]["NotAcceptable"];
            408: components["responses"]["SlowBody"];
            409: components["responses"]["EmailConflict"];
            412: components["responses"]["VersionMoved"];
            413: components["responses"]["TooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["RuleBroken"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["UnknownOutcome"];
        };
    };
    whoami: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The role of the token, and each path and method that it may send */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "may": [
                     *         {
                     *           "methods": [
                     *             "GET",
                     *             "POST"
                     *           ],
                     *           "path": "/products"
                     *         }
                     *       ],
                     *       "principal": "seller.till-1",
                     *       "role": "seller"
                     *     }
                     */
                    "application/json": components["schemas"]["Viewer"];
                };
            };
            400: components["responses"]["Malformed"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            406: components["responses"]["NotAcceptable"];
            429: components["responses"]["TooManyRequests"];
            503: components["responses"]["Unavailable"];
        };
    };
}
