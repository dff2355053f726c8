{{/* The pod of a process: (root, component, own: its values). */}}
{{- define "rotavatar.pod" -}}
{{- $root := .root -}}
{{- $own := .own -}}
metadata:
  labels:
    {{- include "rotavatar.labels" (dict "root" $root "component" .component "extra" (list $own.podLabels)) | nindent 4 }}
  annotations:
    checksum/config: {{ include "rotavatar.settings" . | sha256sum }}
    {{- range $annotations := list $root.Values.commonAnnotations $own.podAnnotations }}
    {{- range $key, $value := $annotations }}
    {{ $key }}: {{ $value | quote }}
    {{- end }}
    {{- end }}
spec:
  serviceAccountName: {{ include "rotavatar.serviceAccount" . }}
  automountServiceAccountToken: {{ eq .component "operator" }}
  enableServiceLinks: false
  {{- if not $own.hostUsers }}
  hostUsers: false
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $key := list "priorityClassName" "runtimeClassName" "schedulerName" }}
  {{- with index $own $key }}
  {{ $key }}: {{ . }}
  {{- end }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds | default (add $own.preStopSeconds 30) }}
  securityContext:
    {{- toYaml $own.podSecurityContext | nindent 4 }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "dnsConfig" "initContainers" }}
  {{- with index $own $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with $own.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $selector := dict "labelSelector" (dict "matchLabels" (include "rotavatar.selector" $ | fromYaml)) }}
    - {{- toYaml (merge (deepCopy .) $selector) | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "rotavatar.container" . | nindent 4 }}
    {{- with $own.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "rotavatar.secretVolume" . | nindent 4 }}
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 64Mi}
    {{- if and (has .component (list "rotator" "toolbox")) (not $root.Values.photoStore.url) }}
    - name: photos
      persistentVolumeClaim:
        claimName: {{ default (printf "%s-photos" (include "rotavatar.fullname" $root)) $root.Values.photoStore.persistence.existingClaim }}
    {{- end }}
    {{- with $own.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "rotavatar.container" -}}
{{- $root := .root -}}
{{- $own := .own -}}
- name: {{ .component }}
  image: {{ include "rotavatar.image" . }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  securityContext:
    {{- toYaml $own.securityContext | nindent 4 }}
  {{- if eq .component "toolbox" }}
  # Nothing runs until somebody enters; python ends at once when asked to, as PID 1 too.
  command: [python, -c, "import signal; signal.sigwait({signal.SIGTERM, signal.SIGINT})"]
  {{- end }}
  envFrom:
    - configMapRef:
        name: {{ include "rotavatar.fullname" $root }}-{{ .component }}
    {{- if has .component (list "rotator" "toolbox") }}
    {{- with $root.Values.photoStore.envSecret }}
    - secretRef:
        name: {{ . }}
    {{- end }}
    {{- end }}
    {{- with $own.extraEnvFrom }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $own.extraEnv }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if ne .component "toolbox" }}
  ports:
    {{- if eq .component "ingress-api" }}
    - {name: http, containerPort: {{ $root.Values.listen.port }}}
    {{- end }}
    - {name: metrics, containerPort: {{ $root.Values.listen.metricsPort }}}
  startupProbe:
    httpGet: {path: /healthz, port: metrics}
    {{- toYaml $own.startupProbe | nindent 4 }}
  livenessProbe:
    httpGet: {path: /healthz, port: metrics}
    {{- toYaml $own.livenessProbe | nindent 4 }}
  readinessProbe:
    httpGet: {path: /readyz, port: metrics}
    {{- toYaml $own.readinessProbe | nindent 4 }}
  {{- end }}
  {{- with $own.preStopSeconds }}
  lifecycle:
    preStop:
      sleep: {seconds: {{ . }}}
  {{- end }}
  resources:
    {{- toYaml $own.resources | nindent 4 }}
  volumeMounts:
    - {name: secrets, mountPath: {{ include "rotavatar.secretsPath" $root }}, readOnly: true}
    - {name: tmp, mountPath: /tmp}
    {{- if and (has .component (list "rotator" "toolbox")) (not $root.Values.photoStore.url) }}
    - {name: photos, mountPath: /var/lib/rotavatar/photos}
    {{- end }}
    {{- with $own.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
