"""The three dashboards, built with Grafana's foundation SDK: dashboards.py DIRECTORY writes them there.

`make generate` runs it; every query is parsed by promtool, and its metrics and labels are looked up in docs/metrics.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
SHOP = 'namespace="$namespace",store="$store"'
STATUS = 'namespace="$namespace",name="$store"'
PEOPLE = 'http_route!~"/(health|health-check|livez|readyz|metrics)"'


def series(title, unit, *queries, description="", wide=12, stacked=False):
    """A graph over time; each query comes with its legend."""
    panel = timeseries.Panel().title(title).description(description).unit(unit).datasource(SOURCE).height(8).span(wide)
    panel = panel.min(0) if unit not in ("short", "none") else panel
    panel = panel.fill_opacity(10)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode("normal"))
    for number, (query, legend) in enumerate(queries):
        panel = panel.with_target(
            prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(query).legend_format(legend).datasource(SOURCE)
        )
    return panel


def figure(title, unit, query, description="", bad_from=None, bad_below=None):
    """One number; red from or below a bound."""
    panel = stat.Panel().title(title).description(description).unit(unit).datasource(SOURCE).height(4).span(4)
    steps = [models.Threshold(value=None, color="green")]
    if bad_from is not None:
        steps.append(models.Threshold(value=bad_from, color="red"))
    if bad_below is not None:
        steps = [models.Threshold(value=None, color="red"), models.Threshold(value=bad_below, color="green")]
    panel = panel.thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    return panel.with_target(prometheus.Dataquery().ref_id("A").expr(query).instant().datasource(SOURCE))


def variable(name, label, query):
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def board(uid, title, rows, of_shop=True):
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["store-manager"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    if of_shop:
        built = built.with_variable(
            variable("namespace", "Namespace", "label_values(storecluster_nodes_wanted, namespace)")
        ).with_variable(
            variable("store", "Shop", 'label_values(storecluster_nodes_wanted{namespace="$namespace"}, name)')
        )
    for name, panels in rows:
        built = built.with_row(dashboard.Row(name))
        for panel in panels:
            built = built.with_panel(panel)
    return built.build()


def rate(metric, matchers=SHOP):
    return f"rate({metric}{{{matchers}}}[$__rate_interval])"


def quantile(of, metric, matchers, by):
    return f"histogram_quantile({of}, sum by (le, {by}) ({rate(metric + '_bucket', matchers)}))"


def shop():
    http = "http_server_request_duration_seconds"
    statements = "db_client_operation_duration_seconds"
    people = f"{SHOP},{PEOPLE}"
    return board(
        "store-shop",
        "Store: the shop",
        [
            (
                "Now",
                [
                    figure("API pods ready", "none", f"storecluster_api_ready_replicas{{{STATUS}}}", bad_below=1),
                    figure("Requests a second", "reqps", f"sum({rate(http + '_count', people)})"),
                    figure(
                        "Failed of a thousand",
                        "none",
                        f'1000 * (sum({rate(http + "_count", people + ",http_response_status_code=~" + chr(34) + "5.." + chr(34))}) or vector(0))'
                        f" / sum({rate(http + '_count', people)})",
                        "Answers 5xx; the objective allows one.",
                        bad_from=1,
                    ),
                    figure(
                        "99 % answered within",
                        "s",
                        f"histogram_quantile(0.99, sum by (le) ({rate(http + '_bucket', people)}))",
                        bad_from=0.5,
                    ),
                    figure(
                        "Oversold",
                        "none",
                        f"sum(store_stock_oversold_total{{{SHOP}}})",
                        "Stocks seen below zero: never anything but 0.",
                        bad_from=1,
                    ),
                    figure(
                        "Turned away",
                        "none",
                        f"sum(increase(store_requests_shed_total{{{SHOP}}}[$__range]))",
                        "Requests answered 503 since too many were worked on, in the time shown.",
                        bad_from=1,
                    ),
                ],
            ),
            (
                "Business",
                [
                    series(
                        "Orders by what became of them",
                        "ops",
                        (f"sum by (status) ({rate('store_orders_total')})", "{{status}}"),
                        description="A second, as they reach each state.",
                    ),
                    series(
                        "Orders refused by reason",
                        "ops",
                        (f"sum by (reason) ({rate('store_orders_refused_total')})", "{{reason}}"),
                        stacked=True,
                    ),
                    series(
                        "Value confirmed and cancelled",
                        "none",
                        (
                            f"sum by (status) (rate(store_order_value_cents_total{{{SHOP},"
                            'status=~"confirmed|cancelled"}[$__rate_interval])) * 36',
                            "{{status}} an hour",
                        ),
                        description="In units of the currency, an hour.",
                    ),
                    series(
                        "Stocks that came to run low or out",
                        "none",
                        (
                            f"sum by (to) (increase(store_stock_level_changes_total{{{SHOP},"
                            'to=~"low|out"}[$__rate_interval]))',
                            "{{to}}",
                        ),
                        description="Counted as movements pass, not looked up: a figure of change, not of the shelf.",
                    ),
                    series(
                        "Units moved by kind",
                        "ops",
                        (f"sum by (kind) ({rate('store_stock_units_total')})", "{{kind}}"),
                    ),
                ],
            ),
            (
                "Requests",
                [
                    series(
                        "By route",
                        "reqps",
                        (f"sum by (http_request_method, http_route) ({rate(http + '_count', people)})", "{{http_request_method}} {{http_route}}"),
                    ),
                    series(
                        "By answer",
                        "reqps",
                        (f"sum by (http_response_status_code) ({rate(http + '_count', people)})", "{{http_response_status_code}}"),
                        stacked=True,
                    ),
                    series("99 % answered within, by route", "s", (quantile(0.99, http, people, "http_route"), "{{http_route}}")),
                    series("Being worked on, by pod", "none", (f"http_server_active_requests{{{SHOP}}}", "{{pod}}")),
                ],
            ),
            (
                "Statements",
                [
                    series(
                        "99 % within, by table",
                        "s",
                        (quantile(0.99, statements, SHOP, "db_operation_name, db_collection_name"), "{{db_operation_name}} {{db_collection_name}}"),
                    ),
                    series(
                        "Failed, by error",
                        "ops",
                        (
                            f"sum by (error_type) (rate({statements}_count{{{SHOP},error_type!=\"\"}}[$__rate_interval]))"
                            " or vector(0)",
                            "{{error_type}}",
                        ),
                        description="Each try by itself; most of them are tried again and succeed.",
                    ),
                ],
            ),
            (
                "Processes",
                [
                    series("CPU by pod", "none", (rate("process_cpu_seconds_total"), "{{pod}}")),
                    series("Memory by pod", "bytes", (f"process_resident_memory_bytes{{{SHOP}}}", "{{pod}}")),
                ],
            ),
        ],
    )


def ring():
    def by_pod(metric, legend="{{pod}}"):
        return (f"{metric}{{{SHOP}}}", legend)

    def by_operation(metric):
        return (f"sum by (operation) ({rate(metric)})", "{{operation}}")

    return board(
        "store-ring",
        "Store: the ring",
        [
            (
                "Now",
                [
                    figure("Nodes wanted", "none", f"storecluster_nodes_wanted{{{STATUS}}}"),
                    figure("Nodes normal", "none", f'storecluster_nodes{{{STATUS},state="Normal"}}', bad_below=1),
                    figure(
                        "Failures tolerated",
                        "none",
                        f"min(storecluster_keyspace_failures_tolerated{{{STATUS}}})",
                        "Of the keyspace that tolerates the fewest, at QUORUM.",
                        bad_below=0,
                    ),
                    figure("Debts", "none", f"sum(storecluster_owed{{{STATUS}}})", "Repairs and clean-ups of earlier changes.", bad_from=1),
                    figure(
                        "Repair owed for",
                        "s",
                        f'(time() - storecluster_owed_since_seconds{{{STATUS},kind="Repair"}}) * (storecluster_owed_since_seconds{{{STATUS},kind="Repair"}} > bool 0)',
                        bad_from=86400,
                    ),
                    figure(
                        "Operation in hand for",
                        "s",
                        f"(time() - storecluster_operation_start_time_seconds{{{STATUS}}}) * (storecluster_operation_start_time_seconds{{{STATUS}}} > bool 0)",
                    ),
                ],
            ),
            (
                "State",
                [
                    series("Nodes by state", "none", (f"storecluster_nodes{{{STATUS}}}", "{{state}}"), stacked=True),
                    series("Operation in hand", "none", (f"storecluster_operation{{{STATUS}}} == 1", "{{kind}}")),
                    series(
                        "Replication",
                        "none",
                        (f"storecluster_keyspace_replication{{{STATUS}}}", "{{keyspace}}"),
                        (f"storecluster_keyspace_replication_wanted{{{STATUS}}}", "{{keyspace}} wanted"),
                    ),
                    series("Conditions", "short", (f"storecluster_condition{{{STATUS}}}", "{{type}}")),
                ],
            ),
            (
                "Requests as Cassandra sees them",
                [
                    series("Coordinated", "reqps", by_operation("cassandra_client_requests_total")),
                    series("99 % within, slowest node", "s", (f"max by (operation) (cassandra_client_request_p99_seconds{{{SHOP}}})", "{{operation}}")),
                    series(
                        "Average",
                        "s",
                        (
                            f"sum by (operation) ({rate('cassandra_client_request_seconds_total')})"
                            f" / sum by (operation) ({rate('cassandra_client_requests_total')})",
                            "{{operation}}",
                        ),
                    ),
                    series(
                        "Gone wrong",
                        "ops",
                        (f"sum by (operation) ({rate('cassandra_client_request_timeouts_total')})", "{{operation}} timed out"),
                        (f"sum by (operation) ({rate('cassandra_client_request_unavailables_total')})", "{{operation}} unavailable"),
                        (f"sum by (operation) ({rate('cassandra_client_request_failures_total')})", "{{operation}} failed"),
                    ),
                ],
            ),
            (
                "Disks",
                [
                    series(
                        "Volume used",
                        "percentunit",
                        (
                            f"1 - cassandra_data_volume_free_bytes{{{SHOP}}} / cassandra_data_volume_bytes{{{SHOP}}}",
                            "{{pod}}",
                        ),
                    ),
                    series("Data by keyspace", "bytes", (f"sum by (keyspace) (cassandra_keyspace_disk_bytes{{{SHOP}}})", "{{keyspace}}"), stacked=True),
                    series("Compactions that wait", "none", by_pod("cassandra_pending_compactions")),
                    series("Compacted", "Bps", (rate("cassandra_compacted_bytes_total"), "{{pod}}")),
                    series("Commit log", "bytes", by_pod("cassandra_commit_log_bytes")),
                    series("Hints noted", "ops", (rate("cassandra_hints_total"), "{{pod}}")),
                ],
            ),
            (
                "Threads and memory",
                [
                    series("Tasks that wait", "none", (f"sum by (pod, pool) (cassandra_thread_pool_pending_tasks{{{SHOP}}})", "{{pod}} {{pool}}")),
                    series("Messages dropped", "ops", (rate("cassandra_dropped_messages_total"), "{{pod}}")),
                    series("Heap", "percentunit", (f"cassandra_heap_used_bytes{{{SHOP}}} / cassandra_heap_max_bytes{{{SHOP}}}", "{{pod}}")),
                    series("Time in garbage collection", "percentunit", (f"sum by (pod) ({rate('cassandra_gc_seconds_total')})", "{{pod}}")),
                    series("CQL connections", "none", by_pod("cassandra_native_clients")),
                    series("Exceptions", "ops", (rate("cassandra_exceptions_total"), "{{pod}}")),
                ],
            ),
        ],
    )


def operator():
    def by(labels, metric):
        return f"sum by ({labels}) (rate({metric}[$__rate_interval]))"

    return board(
        "store-operator",
        "Store: the operator",
        [
            (
                "Now",
                [
                    figure("Leading", "none", "sum(leader_election_master_status)", bad_below=1),
                    figure("Shops", "none", "count(storecluster_nodes_wanted)"),
                    figure("Not ready", "none", 'count(storecluster_condition{type="Ready"} < 1) or vector(0)', bad_from=1),
                    figure("Degraded", "none", 'count(storecluster_condition{type="Degraded"} == 1) or vector(0)', bad_from=1),
                    figure("Waiting for a pass", "none", "sum(workqueue_depth)"),
                    figure("Operations in hand", "none", "sum(storecluster_operation)"),
                ],
            ),
            (
                "Passes",
                [
                    series("By how they ended", "ops", (by("result", "controller_runtime_reconcile_total"), "{{result}}"), stacked=True),
                    series("Errors by reason", "ops", (by("reason", "controller_runtime_reconcile_errors_total"), "{{reason}}")),
                    series(
                        "99 % within",
                        "s",
                        (f"histogram_quantile(0.99, {by('le', 'controller_runtime_reconcile_time_seconds_bucket')})", "pass"),
                        (f"histogram_quantile(0.99, {by('le', 'workqueue_queue_duration_seconds_bucket')})", "wait"),
                    ),
                    series(
                        "At the same time",
                        "none",
                        ("sum(controller_runtime_active_workers)", "passes"),
                        ("max(controller_runtime_max_concurrent_reconciles)", "at most"),
                    ),
                    series("Touches", "ops", (by("name", "workqueue_adds_total"), "{{name}}")),
                ],
            ),
            (
                "Kubernetes API",
                [
                    series("Requests", "reqps", (by("method, code", "rest_client_requests_total"), "{{method}} {{code}}"), stacked=True),
                    series("Writes by kind", "ops", (by("kind, verb", "store_operator_writes_total"), "{{verb}} {{kind}}")),
                ],
            ),
            (
                "Process",
                [
                    series("CPU", "none", ('rate(process_cpu_seconds_total[$__rate_interval]) * on (namespace, pod) group_left leader_election_master_status', "leader")),
                    series("Memory", "bytes", ("process_resident_memory_bytes * on (namespace, pod) group_left leader_election_master_status", "leader")),
                ],
            ),
        ],
        of_shop=False,
    )


def main():
    directory = Path(sys.argv[1])
    for name, made in (("shop", shop()), ("ring", ring()), ("operator", operator())):
        tree = json.loads(json.dumps(made, cls=JSONEncoder))
        # The builders leave the ids to whoever saves the dashboard; a file is read by Grafana as it is.
        for number, panel in enumerate(tree["panels"]):
            panel["id"] = number + 1
        text = json.dumps(tree, indent=1, sort_keys=True)
        (directory / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
