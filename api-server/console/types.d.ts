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
export type Change = Schemas["Change"];
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
export type NodeActivity = Schemas["NodeActivity"];
export type Copies = Schemas["Copies"];
export type Copy = Schemas["Copy"];
export type ClusterOperation = Schemas["ClusterOperation"];
export type OperationTold = Schemas["OperationTold"];
export type Import = Schemas["Import"];
export type ImportReport = Schemas["ImportReport"];

/** What is sent; the same object sent again is the same request. */
export interface Ask {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /** Sent as it is, as CSV. */
  file?: Blob;
  /** Prefer: what need not be waited for. */
  prefer?: string;
  /** Asks Cassandra for a trace. */
  trace?: boolean;
  /** The answer is a file. */
  download?: boolean;
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
  /** Where the answer says that something is. */
  location: string | null;
  /** Id of a trace and what it tells. */
  trace: string | null;
  /** Of a download. */
  file: Blob | null;
}
