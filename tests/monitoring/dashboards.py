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
# Without a label `cluster`, as where one Prometheus sees one cluster, the variable is empty and all match.
CLUSTER = 'cluster=~"$cluster"'
SHOP = f'{CLUSTER},namespace="$namespace",store="$store"'
STATUS = f'{CLUSTER},namespace="$namespace",name="$store"'
# Our own series among those of other operators.
ELECTION = f'leader_election_master_status{{{CLUSTER},name="store-operator"}}'
OURS = f'{CLUSTER},controller="storecluster"'
QUEUE = f'{CLUSTER},name="storecluster"'
PEOPLE = 'http_route!~"/(health|health-check|livez|readyz|metrics|changes|cluster/live)"'


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


def status(metric, by="", more=""):
    """A figure that operators tell of the shop: while one takes over from another, both do."""
    return f"max by ({by}) ({metric}{{{STATUS}{more}}})" if by else f"max({metric}{{{STATUS}{more}}})"


def since(metric, more=""):
    """Seconds since a time of the shop's; 0 where there is none."""
    return f"(time() - {status(metric, more=more)}) * ({status(metric, more=more)} > bool 0)"


def of_leader(expression):
    """What the process of the operator that leads tells."""
    return f"{expression} * on (cluster, namespace, pod) group_left () max by (cluster, namespace, pod) ({ELECTION})"


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
    cluster = variable("cluster", "Cluster", "label_values(storecluster_nodes_wanted, cluster)")
    built = built.with_variable(cluster.include_all(True).all_value(".*"))
    if of_shop:
        built = built.with_variable(
            variable("namespace", "Namespace", f"label_values(storecluster_nodes_wanted{{{CLUSTER}}}, namespace)")
        ).with_variable(
            variable("store", "Shop", f'label_values(storecluster_nodes_wanted{{{CLUSTER},namespace="$namespace"}}, name)')
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
                    figure("API pods ready", "none", status("storecluster_api_ready_replicas"), bad_below=1),
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
                    figure("Nodes wanted", "none", status("storecluster_nodes_wanted")),
                    figure("Nodes normal", "none", status("storecluster_nodes", more=',state="Normal"'), bad_below=1),
                    figure(
                        "Failures tolerated",
                        "none",
                        f"min(storecluster_keyspace_failures_tolerated{{{STATUS}}})",
                        "Of the keyspace that tolerates the fewest, at QUORUM.",
                        bad_below=0,
                    ),
                    figure("Debts", "none", f"sum({status('storecluster_owed', 'kind')})", "Repairs and clean-ups of earlier changes.", bad_from=1),
                    figure(
                        "Repair owed for",
                        "s",
                        since("storecluster_owed_since_seconds", ',kind="Repair"'),
                        bad_from=86400,
                    ),
                    figure(
                        "Operation in hand for",
                        "s",
                        since("storecluster_operation_start_time_seconds"),
                    ),
                ],
            ),
            (
                "State",
                [
                    series("Nodes by state", "none", (status("storecluster_nodes", "state"), "{{state}}"), stacked=True),
                    series("Operation in hand", "none", (status("storecluster_operation", "kind") + " == 1", "{{kind}}")),
                    series(
                        "Replication",
                        "none",
                        (status("storecluster_keyspace_replication", "keyspace"), "{{keyspace}}"),
                        (status("storecluster_keyspace_replication_wanted", "keyspace"), "{{keyspace}} wanted"),
                    ),
                    series("Conditions", "short", (status("storecluster_condition", "type"), "{{type}}")),
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
    def by(labels, metric, matchers=CLUSTER):
        return f"sum by ({labels}) (rate({metric}{{{matchers}}}[$__rate_interval]))"

    def shops(metric, more="", by=""):
        return f"max by (cluster, exported_namespace, namespace, name{by}) ({metric}{{{CLUSTER}{more}}})"

    return board(
        "store-operator",
        "Store: the operator",
        [
            (
                "Now",
                [
                    figure("Leading", "none", f"sum({ELECTION})", bad_below=1),
                    figure("Shops", "none", f"count({shops('storecluster_nodes_wanted')})"),
                    figure("Not ready", "none", f"count({shops('storecluster_condition', ',type=' + chr(34) + 'Ready' + chr(34))} < 1) or vector(0)", bad_from=1),
                    figure("Degraded", "none", f"count({shops('storecluster_condition', ',type=' + chr(34) + 'Degraded' + chr(34))} == 1) or vector(0)", bad_from=1),
                    figure("Waiting for a pass", "none", f"sum(workqueue_depth{{{QUEUE}}})"),
                    figure("Operations in hand", "none", f"sum({shops('storecluster_operation', by=', kind')})"),
                ],
            ),
            (
                "Passes",
                [
                    series("By how they ended", "ops", (by("result", "controller_runtime_reconcile_total", OURS), "{{result}}"), stacked=True),
                    series("Errors by reason", "ops", (by("reason", "controller_runtime_reconcile_errors_total", OURS), "{{reason}}")),
                    series(
                        "99 % within",
                        "s",
                        (f"histogram_quantile(0.99, {by('le', 'controller_runtime_reconcile_time_seconds_bucket', OURS)})", "pass"),
                        (f"histogram_quantile(0.99, {by('le', 'workqueue_queue_duration_seconds_bucket', QUEUE)})", "wait"),
                    ),
                    series(
                        "At the same time",
                        "none",
                        (f"sum(controller_runtime_active_workers{{{OURS}}})", "passes"),
                        (f"max(controller_runtime_max_concurrent_reconciles{{{OURS}}})", "at most"),
                    ),
                    series("Touches", "ops", (by("name", "workqueue_adds_total", QUEUE), "{{name}}")),
                ],
            ),
            (
                "Kubernetes API",
                [
                    series("Requests", "reqps", (f"sum by (method, code) ({of_leader(f'rate(rest_client_requests_total{{{CLUSTER}}}[$__rate_interval])')})", "{{method}} {{code}}"), stacked=True),
                    series("Writes by kind", "ops", (by("kind, verb", "store_operator_writes_total"), "{{verb}} {{kind}}")),
                ],
            ),
            (
                "Process",
                [
                    series("CPU", "none", (of_leader(f"rate(process_cpu_seconds_total{{{CLUSTER}}}[$__rate_interval])"), "leader")),
                    series("Memory", "bytes", (of_leader(f"process_resident_memory_bytes{{{CLUSTER}}}"), "leader")),
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
