{{- define "dossiersync.labels" -}}
app.kubernetes.io/name: dossiersync
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The labels of a process's pods: dict "root" $ "part" NAME. */}}
{{- define "dossiersync.selector" -}}
app.kubernetes.io/name: dossiersync
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "dossiersync.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Whether the listeners with health and metrics speak TLS. */}}
{{- define "dossiersync.tls" -}}
{{- if dig "ops" "tls" "cert_file" "" .Values.config }}yes{{ end -}}
{{- end }}

{{/* The pod template of a process: dict "root" $ "part" NAME "args" LIST "ports" DICT "data" VOLUME "config" CONFIGMAP. */}}
{{- define "dossiersync.template" -}}
{{- $values := index .root.Values .part -}}
metadata:
  labels: {{- include "dossiersync.selector" . | nindent 4 }}
  annotations:
    checksum/config: {{ toYaml .root.Values.config | sha256sum }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 60 # to give runs back and answer requests in flight
  {{- if eq .part "migrate" }}
  restartPolicy: Never
  {{- end }}
  {{- if eq .part "commands" }}
  affinity: # the volume is for pods of one node
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "dossiersync.selector" (dict "root" .root "part" "ops") | nindent 14 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  {{- with .root.Values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .ports }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "dossiersync.selector" . | nindent 10 }}
  {{- end }}
  containers:
    - name: dossiersync
      image: {{ include "dossiersync.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      args: {{- toYaml .args | nindent 8 }}
      {{- if .ports }}
      {{- $probe := dict "port" (keys .ports | sortAlpha | first) }}
      {{- if include "dossiersync.tls" .root }}{{ $_ := set $probe "scheme" "HTTPS" }}{{ end }}
      {{- $healthz := dict "httpGet" (merge (dict "path" "/healthz") $probe) }}
      {{- $readyz := dict "httpGet" (merge (dict "path" "/readyz") $probe) }}
      ports:
        {{- range $name, $port := .ports }}
        - {name: {{ $name }}, containerPort: {{ $port }}}
        {{- end }}
      startupProbe: {{- toYaml (merge (dict "periodSeconds" 2 "failureThreshold" 60) $healthz) | nindent 8 }}
      livenessProbe: {{- toYaml (merge (dict "periodSeconds" 30 "timeoutSeconds" 5) $healthz) | nindent 8 }}
      readinessProbe: {{- toYaml (merge (dict "periodSeconds" 10 "timeoutSeconds" 5) $readyz) | nindent 8 }}
      {{- if semverCompare ">=1.30.0-0" .root.Capabilities.KubeVersion.Version }}
      # Until no Service sends it requests any more.
      lifecycle: {preStop: {sleep: {seconds: 5}}}
      {{- end }}
      {{- end }}
      resources: {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: config, mountPath: /etc/dossiersync, readOnly: true}
        - {name: secrets, mountPath: /run/secrets, readOnly: true}
        - {name: data, mountPath: /var/lib/dossiersync}
  volumes:
    - name: config
      configMap: {name: {{ .config }}, items: [{key: dossiersync.yaml, path: dossiersync.yaml}]}
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          - secret:
              name: {{ $values.secret }}
              items:
                {{- range $values.secretKeys }}
                - {key: {{ . }}, path: {{ . }}}
                {{- end }}
          - configMap:
              name: {{ .config }}
              items:
                {{- $own := $values.secretKeys }}
                {{- range .root.Values.secretKeys }}
                {{- if not (has . $own) }}
                - {key: none, path: {{ . }}}
                {{- end }}
                {{- end }}
    - name: data
      {{- toYaml .data | nindent 6 }}
{{- end }}

{{/* The data of a ConfigMap: the configuration, and what stands for the secrets of others. */}}
{{- define "dossiersync.config" -}}
data:
  dossiersync.yaml: |
    {{- toYaml .Values.config | nindent 4 }}
  none: none-that-this-process-may-know
{{- end }}
