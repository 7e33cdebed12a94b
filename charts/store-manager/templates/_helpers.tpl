{{- define "store-manager.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
A name as every kind takes it, Services included, and short enough for the longest ending, -store-cluster: no dot, no digit
first, at most 49 characters. One that had to be changed ends in a part of its digest, so that two of them never meet.
*/}}
{{- define "store-manager.fit" -}}
{{- $fit := . | replace "." "-" }}
{{- if regexMatch "^[0-9]" $fit }}
{{- $fit = printf "r-%s" $fit }}
{{- end }}
{{- if or (ne $fit .) (gt (len $fit) 49) }}
{{- $fit = printf "%s-%s" ($fit | trunc 42 | trimSuffix "-") (sha256sum . | trunc 6) }}
{{- end }}
{{- $fit }}
{{- end }}

{{/* The release's name, with the chart's where it does not say it already. */}}
{{- define "store-manager.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- include "store-manager.fit" .Values.fullnameOverride }}
{{- else }}
{{- $name := include "store-manager.name" . }}
{{- if contains $name .Release.Name }}
{{- include "store-manager.fit" .Release.Name }}
{{- else }}
{{- include "store-manager.fit" (printf "%s-%s" .Release.Name $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "store-manager.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "store-manager.fullname" .) .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else }}
{{- fail "serviceAccount.name: serviceAccount.create is false, so it must name the ServiceAccount that the operators run as; `default` would give the operator's rights to every pod of the namespace" }}
{{- end }}
{{- end }}

{{/* An image of values `image` or `apiImage`: (list $ .Values.image). */}}
{{- define "store-manager.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default ($root.Chart.AppVersion | replace "+" "_") $image.tag) }}
{{- end }}
{{- end }}

{{- define "store-manager.selectorLabels" -}}
app.kubernetes.io/name: {{ include "store-manager.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{/* The labels that pods of a hook are known by: (list $ "test"). */}}
{{- define "store-manager.hookSelectorLabels" -}}
{{- $root := index . 0 }}
{{- toYaml (set (include "store-manager.selectorLabels" $root | fromYaml) "app.kubernetes.io/component" (index . 1)) }}
{{- end }}

{{/* All labels of a hook's objects: (list $ "test"). */}}
{{- define "store-manager.hookLabels" -}}
{{- $root := index . 0 }}
{{- toYaml (merge (include "store-manager.hookSelectorLabels" . | fromYaml) (include "store-manager.labels" (list $root dict) | fromYaml)) }}
{{- end }}

{{/* Labels and annotations of a hook's pods: (list $ "test"). */}}
{{- define "store-manager.hookPodMetadata" -}}
{{- $root := index . 0 }}
labels:
  {{- toYaml (merge (include "store-manager.hookLabels" . | fromYaml) (default dict $root.Values.jobs.podLabels)) | nindent 2 }}
{{- include "store-manager.annotations" (list $root $root.Values.jobs.podAnnotations) }}
{{- end }}

{{- define "store-manager.storeClusterName" -}}
{{- printf "%s-store-cluster" (include "store-manager.fullname" .) }}
{{- end }}

{{- define "store-manager.storeClusterAccount" -}}
{{- $account := .Values.storeCluster.serviceAccount }}
{{- if and (not $account.create) (not $account.name) }}
{{- fail "storeCluster.serviceAccount.name: storeCluster.serviceAccount.create is false, so it must name the ServiceAccount that the Job runs as" }}
{{- end }}
{{- default (include "store-manager.storeClusterName" .) $account.name }}
{{- end }}

{{- define "store-manager.storeClusterNamespace" -}}
{{- default .Release.Namespace .Values.storeCluster.namespace }}
{{- end }}

{{/* What every pod of the chart needs under the restricted Pod Security Standard. */}}
{{- define "store-manager.podSecurity" -}}
{{- $context := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") }}
{{- if not .Values.openshift.enabled }}
{{- $_ := set $context "runAsUser" 65532 }}
{{- $_ := set $context "runAsGroup" 65532 }}
{{- end }}
{{- toYaml (merge (dict) (default dict .Values.podSecurityContext) $context) }}
{{- end }}

{{- define "store-manager.containerSecurity" -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) }}
{{- toYaml (merge (dict) (default dict .Values.securityContext) $context) }}
{{- end }}

{{/* The spreads given, each with the pods' selector; else over zones and machines. */}}
{{- define "store-manager.spread" -}}
{{- $selector := dict "matchLabels" (include "store-manager.selectorLabels" . | fromYaml) }}
{{- $spread := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $spread = append $spread (merge (deepCopy .) (dict "labelSelector" $selector)) }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
{{- $spread = append $spread (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $selector) }}
{{- end }}
{{- end }}
{{- toYaml $spread }}
{{- end }}

{{/* A map as key=value,key=value. */}}
{{- define "store-manager.pairs" -}}
{{- $pairs := list }}
{{- range $key, $value := . }}
{{- $pairs = append $pairs (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $pairs }}
{{- end }}

{{/* A text as value of a label: at most 63 characters, and a letter or digit at the end. */}}
{{- define "store-manager.labelValue" -}}
{{- . | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{- define "store-manager.ownLabels" -}}
{{ include "store-manager.selectorLabels" . }}
app.kubernetes.io/part-of: store-manager
app.kubernetes.io/version: {{ include "store-manager.labelValue" .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "store-manager.labelValue" (printf "%s-%s" .Chart.Name .Chart.Version) | quote }}
{{- end }}

{{/* The chart's labels, those given, and the common ones, none twice: (list $ .Values.podLabels). */}}
{{- define "store-manager.labels" -}}
{{- $root := index . 0 }}
{{- toYaml (merge (include "store-manager.ownLabels" $root | fromYaml) (default dict (index . 1)) (default dict $root.Values.commonLabels)) }}
{{- end }}

{{/* The common annotations and those given: (list $ .Values.podAnnotations). Nothing when there are none. */}}
{{- define "store-manager.annotations" -}}
{{- $root := index . 0 }}
{{- with merge (dict) (default dict (index . 1)) (default dict $root.Values.commonAnnotations) }}
annotations:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Port of the collector of traces; empty without one. */}}
{{- define "store-manager.collectorPort" -}}
{{- with .Values.telemetry.otlp.endpoint }}
{{- $url := urlParse . }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) }}
{{- $port | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- end }}
{{- end }}
