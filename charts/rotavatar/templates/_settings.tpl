{{/*
What each process is told, as in docs/settings.md: variables in a ConfigMap, secrets as files of one volume.
A process that is given a ROTAVATAR_ variable which does not exist refuses to start, so nothing else is set.
*/}}

{{- define "rotavatar.secretsPath" -}}/run/secrets/rotavatar{{- end -}}

{{/* The variables of a process, as YAML: (root, component). */}}
{{- define "rotavatar.settings" -}}
{{- $values := .root.Values -}}
ROTAVATAR_HOST: {{ $values.listen.host | quote }}
ROTAVATAR_METRICS_PORT: {{ $values.listen.metricsPort | quote }}
ROTAVATAR_LOG_LEVEL: {{ $values.log.level }}
ROTAVATAR_LOG_FORMAT: {{ $values.log.format }}
ROTAVATAR_SLACK_BASE_URL: {{ $values.slack.baseUrl }}
ROTAVATAR_SLACK_APP_ID: {{ $values.slack.appId }}
ROTAVATAR_SLACK_CLIENT_ID: {{ $values.slack.clientId | quote }}
{{- with include "rotavatar.redisUrl" .root }}
ROTAVATAR_REDIS_URL: {{ . }}
{{- end }}
{{- with include "rotavatar.redisUser" .root }}
ROTAVATAR_REDIS_USERNAME: {{ . | quote }}
{{- end }}
{{- if eq $values.redis.mode "external" }}
{{- with $values.redis.external.sentinelUsername }}
ROTAVATAR_REDIS_SENTINEL_USERNAME: {{ . | quote }}
{{- end }}
{{- end }}
{{- if has .component (list "ingress-api" "publisher" "operator" "toolbox") }}
ROTAVATAR_PUBLIC_URL: {{ $values.publicUrl }}
{{- end }}
{{- if ne .component "operator" }}
ROTAVATAR_CATALOGUE_DIR: {{ $values.catalogue.dir }}
{{- end }}
{{- if has .component (list "ingress-api" "operator" "toolbox") }}
ROTAVATAR_INSTALL_POLICY: {{ $values.installPolicy }}
{{- end }}
{{- if has .component (list "ingress-api" "toolbox") }}
ROTAVATAR_PORT: {{ $values.listen.port | quote }}
{{- end }}
{{- if has .component (list "operator" "toolbox") }}
{{- with $values.operator.watchNamespaces }}
ROTAVATAR_WATCH_NAMESPACES: {{ join "," . | quote }}
{{- end }}
{{- with $values.operator.installNamespace }}
ROTAVATAR_INSTALL_NAMESPACE: {{ . | quote }}
{{- end }}
{{- with $values.operator.installTenantPolicy }}
ROTAVATAR_INSTALL_TENANT_POLICY: {{ toJson . | quote }}
{{- end }}
ROTAVATAR_TOKEN_CHECKS_PER_SECOND: {{ $values.operator.tokenChecksPerSecond | quote }}
{{- end }}
{{- if has .component (list "rotator" "toolbox") }}
ROTAVATAR_PHOTO_STORE_URL: {{ default "/var/lib/rotavatar/photos" $values.photoStore.url }}
ROTAVATAR_PHOTO_FETCH_HOSTS: {{ join "," $values.photoStore.fetchHosts | quote }}
ROTAVATAR_RETENTION_DAYS: {{ $values.retentionDays | quote }}
{{- with $values.photoStore.googleCredentialsSecret }}
GOOGLE_APPLICATION_CREDENTIALS: {{ include "rotavatar.secretsPath" $ }}/google-credentials
{{- end }}
{{- end }}
{{- range $secret := include "rotavatar.secrets" . | fromYamlArray }}
{{- with $secret.setting }}
ROTAVATAR_{{ . }}_FILE: {{ include "rotavatar.secretsPath" $ }}/{{ $secret.file }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The secrets of a process, as a YAML list of setting, file, secret and key: (root, component). */}}
{{- define "rotavatar.secrets" -}}
{{- $values := .root.Values -}}
- {setting: SLACK_CLIENT_SECRET, file: slack-client-secret, secret: {{ $values.slack.existingSecret }}, key: {{ $values.slack.clientSecretKey }}}
- {setting: VAULT_KEYS, file: vault-keys, secret: {{ $values.vault.existingSecret }}, key: {{ $values.vault.key }}}
{{- if has .component (list "ingress-api" "toolbox") }}
- {setting: SLACK_SIGNING_SECRET, file: slack-signing-secret, secret: {{ $values.slack.existingSecret }}, key: {{ $values.slack.signingSecretKey }}}
{{- end }}
{{- if eq $values.redis.mode "embedded" }}
- {setting: REDIS_PASSWORD, file: redis-password, secret: {{ $values.redis.embedded.existingSecret }}, key: {{ $values.redis.embedded.passwordKey }}}
{{- else }}
{{- with $values.redis.external }}
{{- if .urlKey }}
- {setting: REDIS_URL, file: redis-url, secret: {{ .existingSecret }}, key: {{ .urlKey }}}
{{- else if and .existingSecret .passwordKey }}
- {setting: REDIS_PASSWORD, file: redis-password, secret: {{ .existingSecret }}, key: {{ .passwordKey }}}
{{- end }}
{{- if .sentinelPasswordKey }}
- {setting: REDIS_SENTINEL_PASSWORD, file: redis-sentinel-password, secret: {{ .existingSecret }}, key: {{ .sentinelPasswordKey }}}
{{- end }}
{{- if and .tls.enabled .tls.caSecret }}
- {setting: REDIS_CA, file: redis-ca.crt, secret: {{ .tls.caSecret }}, key: {{ .tls.caKey }}}
{{- end }}
{{- end }}
{{- end }}
{{- if and (has .component (list "rotator" "toolbox")) $values.photoStore.googleCredentialsSecret }}
- {file: google-credentials, secret: {{ $values.photoStore.googleCredentialsSecret }}, key: {{ $values.photoStore.googleCredentialsKey }}}
{{- end }}
{{- end -}}

{{/* The URL of Redis without any secret; empty where it comes whole from a Secret. */}}
{{- define "rotavatar.redisUrl" -}}
{{- if eq .Values.redis.mode "embedded" -}}
redis://{{ include "rotavatar.fullname" . }}-redis:6379/0
{{- else -}}
{{- with .Values.redis.external -}}
{{- if not .urlKey -}}
{{- $scheme := ternary "rediss" "redis" .tls.enabled -}}
{{- $hosts := join "," .addresses -}}
{{- if eq .topology "sentinel" -}}
{{ $scheme }}+sentinel://{{ $hosts }}/{{ .sentinelMaster }}/{{ .database }}
{{- else -}}
{{ $scheme }}://{{ $hosts }}/{{ .database }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rotavatar.redisUser" -}}
{{- if and (eq .Values.redis.mode "external") (not .Values.redis.external.urlKey) }}{{ .Values.redis.external.username }}{{ end -}}
{{- end -}}

{{/* The projected volume with the secrets of a process: (root, component). */}}
{{- define "rotavatar.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "rotavatar.secrets" . | fromYamlArray }}
      - secret:
          name: {{ .secret }}
          items:
            - {key: {{ .key }}, path: {{ .file }}}
      {{- end }}
{{- end -}}
