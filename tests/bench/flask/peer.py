"""The same two reads by Flask, gunicorn and cassandra-driver: what store-api is measured beside.

No layers: neither request ids nor metrics nor an access log, which is in its favour.
"""

import os
from uuid import UUID

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from flask import Flask, request

COLUMNS = "id, name, sku, price, brand, description, category, version, created_at, updated_at"

app = Flask(__name__)
app.json.sort_keys = False
app.json.compact = True
app.json.ensure_ascii = False


class Store:
    """The session and its statements. Made in each worker: the driver's threads do not survive a fork."""

    def __init__(self):
        host, port = os.environ["CASSANDRA"].split(":")
        keyspace = os.environ["KEYSPACE"]
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(os.environ["DATACENTER"])),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            request_timeout=8,
        )
        cluster = Cluster([host], port=int(port), execution_profiles={EXEC_PROFILE_DEFAULT: profile})
        self.session = cluster.connect(keyspace)
        self.by_id = self.session.prepare(f"SELECT {COLUMNS} FROM products WHERE id = ?")
        self.newest = self.session.prepare(f"SELECT {COLUMNS} FROM products_by_time WHERE bucket = ? LIMIT ?")
        begins = self.session.execute("SELECT bucket FROM product_buckets WHERE scope = 'all'")
        self.bucket = max(row.bucket for row in begins)


store = None


def the_store():
    global store
    if store is None:
        store = Store()
    return store


def time(value):
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def shown(row):
    return {
        "id": str(row.id),
        "name": row.name,
        "sku": row.sku,
        "price": float(row.price),
        "brand": row.brand,
        "description": row.description,
        "category": row.category,
        "version": row.version,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
    }


def answer(value):
    # jsonify ends its text with a line break; the bytes are to be those of the others.
    return app.response_class(app.json.dumps(value, separators=(",", ":")), mimetype="application/json")


@app.get("/products/<product>")
def show(product):
    here = the_store()
    row = here.session.execute(here.by_id, (UUID(product),)).one()
    if row is None:
        return answer({"error": "not found"}), 404
    return answer(shown(row))


@app.get("/products")
def page():
    here = the_store()
    limit = min(max(request.args.get("limit", 50, type=int), 1), 100)
    rows = here.session.execute(here.newest, (here.bucket, limit))
    return answer([shown(row) for row in rows])
