{{- define "dossiersync.labels" -}}
app.kubernetes.io/name: dossiersync
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

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

{{/* The fields of a pod that all processes share: dict "root" $ "part" NAME. */}}
{{- define "dossiersync.pod" -}}
serviceAccountName: {{ .root.Release.Name }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 60 # to give runs back and answer requests in flight
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with index .root.Values .part "nodeSelector" }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with index .root.Values .part "tolerations" }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: config
    configMap: {name: {{ .root.Release.Name }}-config, items: [{key: dossiersync.yaml, path: dossiersync.yaml}]}
  - name: secrets
    projected:
      sources:
        - secret:
            name: {{ index .root.Values .part "secret" }}
            items:
            {{- range index .root.Values .part "secretKeys" }}
              - {key: {{ . }}, path: {{ . }}}
            {{- end }}
        - configMap:
            name: {{ .root.Release.Name }}-config
            items:
            {{- $own := index .root.Values .part "secretKeys" }}
            {{- range .root.Values.secretKeys }}
            {{- if not (has . $own) }}
              - {key: none, path: {{ . }}}
            {{- end }}
            {{- end }}
{{- end }}

{{- define "dossiersync.container" -}}
name: dossiersync
image: {{ include "dossiersync.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{ toYaml (index .root.Values .part "resources") | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/dossiersync, readOnly: true}
  - {name: secrets, mountPath: /run/secrets, readOnly: true}
  - {name: data, mountPath: /var/lib/dossiersync}
{{- end }}
