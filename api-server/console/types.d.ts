// The types of the API, as tests/console makes them from the OpenAPI document. For the checker alone: nothing loads this.
import type { components } from "../../tests/console/openapi";

type Schemas = components["schemas"];
export type Product = Schemas["Product"];
export type NewProduct = Schemas["NewProduct"];
export type Stock = Schemas["Stock"];
export type Movement = Schemas["Movement"];
export type Order = Schemas["Order"];
export type OrderItem = Schemas["OrderItem"];
export type OrderStatus = Schemas["OrderStatus"];
export type User = Schemas["User"];
export type Problem = Schemas["Problem"];
export type StockOverview = Schemas["StockOverview"];
export type Spender = Schemas["Spender"];
export type Seller = Schemas["Seller"];
export type ClusterNode = Schemas["ClusterNode"];
export type Ring = Schemas["Ring"];
export type Keyspace = Schemas["Keyspace"];
export type Placement = Schemas["Placement"];
export type ConsistencyTable = Schemas["ConsistencyTable"];
export type Viewer = Schemas["Viewer"];

/** What is sent; the same object sent again is the same request. */
export interface Ask {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  ifMatch?: string | null;
  /** Idempotency-Key. */
  key?: string;
  /** Not told in the line of the last answer: what is asked every second. */
  quiet?: boolean;
}

/** What came back. Status 0: nothing did. */
export interface Answer<T = unknown> {
  status: number;
  ok: boolean;
  body: T | null;
  problem: Problem | null;
  etag: string | null;
  /** Cursor of the next page. */
  next: string | null;
  /** It was done by an earlier request under the same key. */
  replayed: boolean;
}
