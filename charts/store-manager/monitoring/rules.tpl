{{- /*
The rules, out of which `make generate` makes rules.yaml with the chart's defaults. Double square brackets are
Prometheus' own templates. Each expression groups by `cluster`, so that a ruler over several clusters tells them apart.
The operator's series say in `namespace` and `name` which shop they are about, and in `exported_namespace` and `name`
where a Prometheus overrides honorLabels; `last_over_time` and `max` without the pod make one series of two operators of
which one took over. Those of the API and of Cassandra's nodes have `namespace` and `store`.
*/ -}}
{{- $at := .Values.monitoring.rules.thresholds }}
{{- $shop := "cluster, exported_namespace, namespace, name" }}
{{- $store := "cluster, namespace, store" }}
{{- $shown := "shop [[ or $labels.exported_namespace $labels.namespace ]]/[[ $labels.name ]]" }}
{{- $served := "shop [[ $labels.namespace ]]/[[ $labels.store ]]" }}
{{- $node := "Cassandra node [[ $labels.pod ]]" }}
{{- $ours := `name="store-operator"` }}
{{- $probes := `store!="",http_route!~"/(health|health-check|livez|readyz|metrics|changes|cluster/live)"` }}
{{- $windows := list "5m" "30m" "1h" "2h" "6h" "1d" "3d" }}
groups:
  - name: store-ring
    rules:
      - alert: StoreNodeDown
        expr: max by ({{ $shop }}, pod, rack) (last_over_time(storecluster_node_away_since_seconds[2m])) > 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: {{ $node }} of {{ $shown }} is down
          description: It has not been up in every view for more than five minutes. Nothing is begun until it is back.
      - alert: StoreNodeAwayTooLong
        expr: >-
          (time() - max by ({{ $shop }}, pod, rack) (last_over_time(storecluster_node_away_since_seconds[2m])) > {{ $at.nodeAwaySeconds | int64 }})
          and max by ({{ $shop }}, pod, rack) (last_over_time(storecluster_node_away_since_seconds[2m])) > 0
        labels: {severity: critical}
        annotations:
          summary: {{ $node }} of {{ $shown }} is away for more than {{ divf $at.nodeAwaySeconds 3600 }} hours
          description: After three hours the others keep no more writes for it. If it comes back later it needs a repair.
      - alert: StoreQuorumAtRisk
        expr: >-
          (max by ({{ $shop }}, keyspace) (last_over_time(storecluster_keyspace_failures_tolerated[2m])) == 0)
          and max by ({{ $shop }}, keyspace) (last_over_time(storecluster_keyspace_replication[2m])) >= 3
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: Keyspace [[ $labels.keyspace ]] of {{ $shown }} survives no further failure
          description: One more node that fails in another rack takes QUORUM from some of its rows.
      - alert: StoreQuorumLost
        expr: max by ({{ $shop }}, keyspace) (last_over_time(storecluster_keyspace_failures_tolerated[2m])) < 0
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: Some rows of keyspace [[ $labels.keyspace ]] of {{ $shown }} have no QUORUM
          description: Reads and writes of them fail until a node is back.
      - alert: StoreReplicationUnmet
        expr: max by ({{ $shop }}, type) (last_over_time(storecluster_condition{type="ReplicationSynced"}[2m])) < 1
        for: 2h
        labels: {severity: warning}
        annotations:
          summary: Shop{{ trimPrefix "shop" $shown }} has not the replication that its spec asks for
          description: A keyspace lacks its replication factor, or the repair that a raise owes is not done, for two hours.
      - alert: StoreRepairOverdue
        expr: >-
          (time() - max by ({{ $shop }}, kind) (last_over_time(storecluster_owed_since_seconds{kind="Repair"}[2m])) > {{ $at.repairOwedSeconds | int64 }})
          and max by ({{ $shop }}, kind) (last_over_time(storecluster_owed_since_seconds{kind="Repair"}[2m])) > 0
        labels: {severity: warning}
        annotations:
          summary: Shop{{ trimPrefix "shop" $shown }} owes a repair for more than {{ if eq (int64 $at.repairOwedSeconds) 86400 }}a day{{ else }}{{ divf $at.repairOwedSeconds 3600 }} hours{{ end }}
          description: Until it is done reads at ONE may miss rows.
{{- range $severity, $wait := dict "warning" "15m" "critical" "5m" }}
      - alert: StoreDiskFilling
        expr: >-
          max by ({{ $store }}, pod) (cassandra_data_volume_free_bytes)
          / max by ({{ $store }}, pod) (cassandra_data_volume_bytes) < {{ index $at.diskFree $severity }}
        for: {{ $wait }}
        labels: {severity: {{ $severity }}}
        annotations:
          summary: The volume of [[ $labels.pod ]] of {{ $served }} is [[ $value | humanizePercentage ]] free
          description: {{ ternary "Cassandra stops taking writes when it is full." "Compactions need room beside the data; they stop when it is gone." (eq $severity "critical") }}
{{- end }}
      - alert: StoreDiskFullSoon
        expr: >-
          (max by ({{ $store }}, pod) (predict_linear(cassandra_data_volume_free_bytes[6h], {{ $at.diskFullSeconds | int64 }})) < 0)
          and max by ({{ $store }}, pod) (cassandra_data_volume_free_bytes)
          / max by ({{ $store }}, pod) (cassandra_data_volume_bytes) < 0.5
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: The volume of [[ $labels.pod ]] of {{ $served }} is full within {{ if eq (int64 $at.diskFullSeconds) 345600 }}four days{{ else }}{{ divf $at.diskFullSeconds 3600 }} hours{{ end }}
          description: It fills as it has filled for the last six hours.
      - alert: StoreOperationStuck
        expr: >-
          (time() - max by ({{ $shop }}) (last_over_time(storecluster_operation_progress_time_seconds[2m])) > {{ $at.operationStuckSeconds | int64 }})
          and max by ({{ $shop }}) (last_over_time(storecluster_operation_progress_time_seconds[2m])) > 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: The operation in hand of {{ $shown }} does not come further
          description: For more than {{ if eq (int64 $at.operationStuckSeconds) 1800 }}half an hour{{ else }}{{ divf $at.operationStuckSeconds 60 }} minutes{{ end }} neither its step nor its progress has changed.
      - alert: StoreDegraded
        expr: max by ({{ $shop }}, type) (last_over_time(storecluster_condition{type="Degraded"}[2m])) == 1
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: Shop{{ trimPrefix "shop" $shown }} is degraded
          description: Something is wrong that was not asked for; the condition's message says what.
      - alert: StoreNodeUnmeasured
        expr: >-
          max by ({{ $store }}, pod) (cassandra_up) == 0
          or max by ({{ $store }}, pod) (up{store!="",pod=~".+-cassandra-.+-\\d+"}) == 0
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: Cassandra on [[ $labels.pod ]] of {{ $served }} tells no metrics
          description: Its agent cannot be scraped, or Cassandra does not answer the agent over JMX. Alerts about disks see nothing of this node.

  - name: store-operator
    rules:
      - alert: StoreOperatorAbsent
        expr: >-
          sum by (cluster, namespace, job) (leader_election_master_status{ {{- $ours -}} }) < 1
          or (sum by (cluster, namespace, job) (last_over_time(leader_election_master_status{ {{- $ours -}} }[1h])) * 0
          unless sum by (cluster, namespace, job) (leader_election_master_status{ {{- $ours -}} }))
          or sum without (name) (absent(last_over_time(leader_election_master_status{ {{- $ours -}} }[1h])))
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: No operator leads
          description: Shops serve on, but nothing that breaks is put right and no change is made.
      - alert: StoreOperatorFailing
        expr: >-
          sum by (cluster, namespace, job, controller) (rate(controller_runtime_reconcile_total{controller="storecluster",result="error"}[15m]))
          / sum by (cluster, namespace, job, controller) (rate(controller_runtime_reconcile_total{controller="storecluster"}[15m])) > {{ $at.failingPasses }}
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: More than {{ if eq (float64 $at.failingPasses) 0.5 }}half{{ else }}{{ mulf $at.failingPasses 100 }}%{{ end }} of the operator's passes fail
          description: '[[ $value | humanizePercentage ]] of them in the last quarter of an hour.'

  - name: store-api
    rules:
      # None where no API pod is wanted, and none before one was ready for the first time.
      - alert: StoreApiDown
        expr: >-
          (max by ({{ $shop }}) (last_over_time(storecluster_api_ready_replicas[2m])) == 0)
          and (max by ({{ $shop }}) (last_over_time(storecluster_api_wanted_replicas[2m])) > 0)
          and max by ({{ $shop }}) (last_over_time(storecluster_api_first_ready_time_seconds[2m])) > 0
        for: 2m
        labels: {severity: critical}
        annotations:
          summary: No API pod of {{ $shown }} is ready
          description: The shop answers nobody.
      - alert: StoreRequestsShed
        expr: sum by ({{ $store }}) (increase(store_requests_shed_total[10m])) > 0
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: The API of {{ $served }} turns requests away
          description: More come at once than its pods may work on.
      - alert: StoreSweepStuck
        expr: >-
          max by ({{ $store }}, table) (store_sweep_stuck_notes) > 0
          or max by ({{ $store }}, table) (store_sweep_position_age_seconds) > {{ $at.sweepAgeSeconds | int64 }}
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: Changes of {{ $served }} that were cut off cannot be finished
          description: Notes in [[ $labels.table ]] were set aside or are not looked through. What is owed by them is tried again.
      - alert: StoreTokensStale
        expr: max by ({{ $store }}) (store_tokens_stale) > 0
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: The tokens of {{ $served }} are not those of its Secret
          description: What was written there cannot be used, so tokens that were taken away may be good still.
      - alert: StoreWebhookFailing
        expr: max by ({{ $store }}, webhook) (store_webhook_failing_seconds) > 600
        labels: {severity: warning}
        annotations:
          summary: A webhook of {{ $served }} takes no events
          description: Webhook [[ $labels.webhook ]] has answered nothing but errors for ten minutes. What it misses is sent for a day.
      # For a day after it was seen: the counter itself falls only with a restart of the pods.
      - alert: StoreStockOversold
        expr: >-
          sum by ({{ $store }}) (increase(store_stock_oversold_total[1d])) > 0
          or sum by ({{ $store }}) (store_stock_oversold_total unless store_stock_oversold_total offset 1d) > 0
        labels: {severity: critical}
        annotations:
          summary: A stock of {{ $served }} went below zero
          description: This must never happen. Something was sold that is not there.

  # Of the requests of people, 99.9 % get an answer other than 5xx, and 99 % get theirs within half a second. A series
  # that was not there before the window began counts from zero: of a status that a pod has not answered before, the
  # first scrape has all there is.
  - name: store-api-ratios
    rules:
{{- range $window := $windows }}
{{- $count := printf `http_server_request_duration_seconds_count{%s}` $probes }}
{{- $failed := printf `http_server_request_duration_seconds_count{http_response_status_code=~"5..",%s}` $probes }}
{{- $fast := printf `http_server_request_duration_seconds_bucket{le="0.5",%s}` $probes }}
      - record: namespace_store:http_server_requests:increase{{ $window }}
        expr: >-
          sum by ({{ $store }}) ({{ $count }} unless {{ $count }} offset {{ $window }} or increase({{ $count }}[{{ $window }}]))
      - record: namespace_store:http_server_errors:ratio_rate{{ $window }}
        expr: >-
          sum by ({{ $store }}) ({{ $failed }} unless {{ $failed }} offset {{ $window }} or increase({{ $failed }}[{{ $window }}]))
          / (namespace_store:http_server_requests:increase{{ $window }} > 0)
      - record: namespace_store:http_server_slow:ratio_rate{{ $window }}
        expr: >-
          1 - sum by ({{ $store }}) ({{ $fast }} unless {{ $fast }} offset {{ $window }} or increase({{ $fast }}[{{ $window }}]))
          / (namespace_store:http_server_requests:increase{{ $window }} > 0)
{{- end }}

  # A budget of 30 days is gone in 2 days at a rate of 14.4, in 5 at 6, in 10 at 3, in 30 at 1. The short window ends an
  # alert soon after its cause. Fewer requests than fewestFailed in the long window are no sign of anything: one of a
  # quiet shop's is a large share.
  - name: store-api-budgets
    rules:
{{- $burns := list
  (dict "long" "1h" "short" "5m" "rate" "14.4" "for" "2m" "severity" "critical")
  (dict "long" "6h" "short" "30m" "rate" "6" "for" "15m" "severity" "critical")
  (dict "long" "1d" "short" "2h" "rate" "3" "for" "1h" "severity" "warning")
  (dict "long" "3d" "short" "6h" "rate" "1" "for" "3h" "severity" "warning") }}
{{- $budgets := list
  (dict "alert" "StoreApiErrorBudgetBurn" "ratio" "errors" "share" $at.failedShare "what" "fails")
  (dict "alert" "StoreApiLatencyBudgetBurn" "ratio" "slow" "share" $at.slowShare "what" "takes more than half a second") }}
{{- range $budget := $budgets }}
{{- range $burn := $burns }}
{{- $long := printf "namespace_store:http_server_%s:ratio_rate%s" $budget.ratio $burn.long }}
      - alert: {{ $budget.alert }}
        expr: >-
          {{ $long }} > {{ $burn.rate }} * {{ $budget.share }}
          and namespace_store:http_server_{{ $budget.ratio }}:ratio_rate{{ $burn.short }} > {{ $burn.rate }} * {{ $budget.share }}
          and {{ $long }} * namespace_store:http_server_requests:increase{{ $burn.long }} >= {{ $at.fewestFailed | int64 }}
        for: {{ $burn.for }}
        labels: {severity: {{ $burn.severity }}, window: {{ $burn.long }}}
        annotations:
          summary: '[[ $value | humanizePercentage ]] of the requests to {{ $served }} {{ $budget.what }}'
          description: At this rate, over {{ $burn.long }}, the budget of 30 days is used up at {{ $burn.rate }} times the rate at which it comes.
{{- end }}
{{- end }}
