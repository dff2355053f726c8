{{/* Names and labels. Selectors are part of the contract of an installation: they never change. */}}

{{- define "rotavatar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The beginning of every name, at most 40 characters: the longest ending has 20, and a name of a Service 63. */}}
{{- define "rotavatar.fullname" -}}
{{- $name := include "rotavatar.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels by which the objects of a component find its pods: (root, component). */}}
{{- define "rotavatar.selector" -}}
app.kubernetes.io/name: {{ include "rotavatar.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The labels of every object: (root, component, extra: further maps of labels). */}}
{{- define "rotavatar.labels" -}}
{{- $labels := dict -}}
{{- range concat (list .root.Values.commonLabels) (default list .extra) -}}
{{- range $key, $value := . }}{{ $_ := set $labels $key $value }}{{ end -}}
{{- end -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_")) -}}
{{- $_ := set $labels "app.kubernetes.io/name" (include "rotavatar.name" .root) -}}
{{- $_ := set $labels "app.kubernetes.io/instance" .root.Release.Name -}}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "rotavatar" -}}
{{- if .component }}{{ $_ := set $labels "app.kubernetes.io/component" .component }}{{ end -}}
{{- toYaml $labels -}}
{{- end -}}

{{/* The head of an object: (root, name, component, labels: a list of maps, annotations: a list of maps). */}}
{{- define "rotavatar.metadata" -}}
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "rotavatar.labels" (dict "root" .root "component" .component "extra" .labels) | nindent 4 }}
  {{- $annotations := dict -}}
  {{- range concat (list .root.Values.commonAnnotations) (default list .annotations) -}}
  {{- range $key, $value := . }}{{ $_ := set $annotations $key $value }}{{ end -}}
  {{- end -}}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The image of a process: (root, component, its values). */}}
{{- define "rotavatar.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := default (printf "%s/%s-%s" $image.registry $image.repository .component) .own.image.repository -}}
{{- include "rotavatar.reference" (dict "repository" $repository "tag" (.own.image.tag | default $image.tag | default .root.Chart.AppVersion) "digest" .own.image.digest) -}}
{{- end -}}

{{/* A reference to an image: the digest wins, the tag stays readable: (repository, tag, digest). */}}
{{- define "rotavatar.reference" -}}
{{- .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* The service account of a process: (root, component, its values). */}}
{{- define "rotavatar.serviceAccount" -}}
{{- if .own.serviceAccount.create -}}
{{- default (printf "%s-%s" (include "rotavatar.fullname" .root) .component) .own.serviceAccount.name -}}
{{- else -}}
{{- default "default" .own.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The section of a process in the values, by component. */}}
{{- define "rotavatar.section" -}}
{{- get (dict "ingress-api" "ingressApi" "rotator" "rotator" "publisher" "publisher" "operator" "operator" "toolbox" "toolbox") . -}}
{{- end -}}

{{/* The components of this installation, as a JSON list. */}}
{{- define "rotavatar.components" -}}
{{- $components := list "ingress-api" "rotator" "publisher" -}}
{{- if .Values.operator.enabled }}{{ $components = append $components "operator" }}{{ end -}}
{{- if .Values.toolbox.enabled }}{{ $components = append $components "toolbox" }}{{ end -}}
{{- toJson $components -}}
{{- end -}}

{{/* Put the values of a process into the dict `into`: the defaults, each replaced by what stands in its section. */}}
{{- define "rotavatar.resolve" -}}
{{- $into := .into -}}
{{- range $key, $value := .root.Values.defaults }}{{ $_ := set $into $key $value }}{{ end -}}
{{- range $key, $value := index .root.Values (include "rotavatar.section" .component) }}{{ $_ := set $into $key $value }}{{ end -}}
{{- end -}}

{{- define "rotavatar.host" -}}
{{- (urlParse .Values.publicUrl).host | splitList ":" | first -}}
{{- end -}}
