package config_test

import (
	"errors"
	"fmt"
	"testing"

	"dossiersync/config"

	"github.com/google/go-cmp/cmp"
)

// short returns faults as line:key: message.
func short(faults []config.Fault) []string {
	var all []string
	for _, f := range faults {
		all = append(all, fmt.Sprintf("%d:%s: %s", f.Line, f.Key, f.Message))
	}
	return all
}

func faultsOf(t *testing.T, text string) config.Faults {
	t.Helper()
	_, err := parse(text)
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		t.Fatalf("got %v, want faults\n%s", err, text)
	}
	return faults
}

// check fails the test unless the faults of text are want.
func check(t *testing.T, text string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, short(faultsOf(t, text))); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, text)
	}
}

func TestEveryFaultIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	const text = `databas: x
portal_api:
  listen: nowhere
  tls: {cert_file: missing, client_ca: x}
  auth: {issuer: "", audience: [a], jwks_url: login.example}
ops:
  listen: 127.0.0.1:99999
  users: [{name: ${UNSET}, tenants: [nobody], may: [write]}]
tenants:
  - id: Amaris
    timezone: Mars
    schedule: "@every 4h"
    max_removed: 5
    max_removed: 6
    source:
      fhir:
        auth: {bearer: {}, basic: {username: u, password: p}}
        page_size: lots
        lag: 150
    mapping:
      report_codes: dagrapport
      hide: [{match: {}}]
`
	const want = `etc/dossiersync.yaml:1:1: databas: is not a key here; did you mean database?
etc/dossiersync.yaml:3:11: portal_api.listen: must be host:port, such as 127.0.0.1:8080, or :8080 for every network, not "nowhere"
etc/dossiersync.yaml:4:20: portal_api.tls.cert_file: names the file "etc/missing", which cannot be read: file does not exist; relative paths start from the folder of the configuration file
etc/dossiersync.yaml:4:20: portal_api.tls.cert_file: needs key_file beside it
etc/dossiersync.yaml:4:29: portal_api.tls.client_ca: is not a key here; did you mean client_ca_file?
etc/dossiersync.yaml:5:18: portal_api.auth.issuer: is empty; give it a value, or remove the key
etc/dossiersync.yaml:5:32: portal_api.auth.audience: must be a single value, not a list
etc/dossiersync.yaml:5:47: portal_api.auth.jwks_url: must be a whole http or https address, such as https://login.example/jwks
etc/dossiersync.yaml:7:11: ops.listen: must be host:port, such as 127.0.0.1:8081, or :8080 for every network, not "127.0.0.1:99999"
etc/dossiersync.yaml:8:11: ops.users[0]: needs token or token_file
etc/dossiersync.yaml:8:18: ops.users[0].name: the environment variable UNSET is not set; set it where dossiersync is started, or write the value here
etc/dossiersync.yaml:8:38: ops.users[0].tenants[0]: no tenant has the id "nobody"; the ids are under tenants, and "*" stands for all of them
etc/dossiersync.yaml:8:53: ops.users[0].may[0]: must be read, resync or approve, not "write"
etc/dossiersync.yaml:10:5: tenants[0].name: is missing; give the name of the organisation as people know it
etc/dossiersync.yaml:10:9: tenants[0].id: must be lower-case letters, digits and hyphens, beginning with a letter or digit, at most 63, not "Amaris"
etc/dossiersync.yaml:11:15: tenants[0].timezone: "Mars" is not a time zone that this machine knows; write a name such as Europe/Amsterdam
etc/dossiersync.yaml:12:15: tenants[0].schedule: "@every 4h" counts from the start of a worker, so workers would not agree on when a run is due; write five fields (minute, hour, day of month, month, day of week), such as 0 7-23/4 * * *
etc/dossiersync.yaml:13:18: tenants[0].max_removed: must be a percentage from 0% to 100%, such as 5% or 0.5%, not "5"
etc/dossiersync.yaml:14:5: tenants[0].max_removed: is given twice, first on line 13; keep one of the two
etc/dossiersync.yaml:17:9: tenants[0].source.fhir.base_url: is missing; give the address of the FHIR server, such as https://ecd.example/fhir
etc/dossiersync.yaml:17:24: tenants[0].source.fhir.auth.bearer: needs token or token_file
etc/dossiersync.yaml:17:24: tenants[0].source.fhir.auth.bearer: is given as well as basic; keep one of the two (only mtls can be combined with another)
etc/dossiersync.yaml:18:20: tenants[0].source.fhir.page_size: must be a whole number from 1 to 10000, without quotes, not "lots"
etc/dossiersync.yaml:19:14: tenants[0].source.fhir.lag: must be a time with its unit, such as 150s or 15m, from 0s to 24h, not "150"
etc/dossiersync.yaml:21:21: tenants[0].mapping.report_codes: must be a list, written [a, b] or with a line ` + "`- …`" + ` for each item, not a single value
etc/dossiersync.yaml:22:22: tenants[0].mapping.hide[0].match: matches nothing; write what to match, such as {tag: "https://ecd.example/kind|zorgleefplan"}`
	if diff := cmp.Diff(want, faultsOf(t, text).Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
