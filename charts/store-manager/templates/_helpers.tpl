{{- define "store-manager.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's where it does not say it already; short enough for endings such as -metrics. */}}
{{- define "store-manager.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "store-manager.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "store-manager.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "store-manager.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* An image of values `image` or `apiImage`: (list $ .Values.image). */}}
{{- define "store-manager.image" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "store-manager.selectorLabels" -}}
app.kubernetes.io/name: {{ include "store-manager.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
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

{{- define "store-manager.storeClusterName" -}}
{{- printf "%s-store-cluster" (include "store-manager.fullname" .) }}
{{- end }}

{{- define "store-manager.storeClusterNamespace" -}}
{{- default .Release.Namespace .Values.storeCluster.namespace }}
{{- end }}

{{/* What every pod of the chart needs under the restricted Pod Security Standard. */}}
{{- define "store-manager.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "store-manager.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
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

{{- define "store-manager.ownLabels" -}}
{{ include "store-manager.selectorLabels" . }}
app.kubernetes.io/part-of: store-manager
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The chart's labels, those given, and the common ones, none twice: (list $ .Values.podLabels). */}}
{{- define "store-manager.labels" -}}
{{- $root := index . 0 }}
{{- toYaml (merge (include "store-manager.ownLabels" $root | fromYaml) (index . 1) $root.Values.commonLabels) }}
{{- end }}

{{/* The common annotations and those given: (list $ .Values.podAnnotations). Nothing when there are none. */}}
{{- define "store-manager.annotations" -}}
{{- $root := index . 0 }}
{{- with merge (dict) (index . 1) $root.Values.commonAnnotations }}
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
