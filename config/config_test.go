package config_test

import (
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"dossiersync/config"
	"dossiersync/store/dossier"
	"dossiersync/sync/fhir"
)

const (
	portalLine = "portal_api: {auth: {issuer: i, audience: a, jwks_file: jwks.json}}\n"
	tenantLine = "tenants: [{id: amaris, name: Amaris, source: {fhir: {base_url: https://ecd.example/fhir}}}]\n"
	minimal    = portalLine + tenantLine
)

// top adds lines at the top level; they begin on line 3.
func top(lines string) string { return minimal + lines }

// portal adds lines to portal_api; they begin on line 4.
func portal(lines string) string {
	return tenantLine + "portal_api:\n  auth: {issuer: i, audience: a, jwks_file: jwks.json}\n" + indent(2, lines)
}

// ops adds lines to ops; they begin on line 5. The database is not private.
func ops(lines string) string {
	return minimal + "database: postgres://db.example/d\nops:\n" + indent(2, lines)
}

// tenant adds lines to the tenant; they begin on line 6.
func tenant(lines string) string {
	return portalLine + "tenants:\n  - id: amaris\n    name: Amaris\n    source: {fhir: {base_url: https://ecd.example/fhir}}\n" + indent(4, lines)
}

// source adds lines to the source; they begin on line 8.
func source(lines string) string {
	return portalLine + "tenants:\n  - id: amaris\n    name: Amaris\n    source:\n      fhir:\n        base_url: https://ecd.example/fhir\n" + indent(8, lines)
}

// mapping adds lines to the mapping; they begin on line 7.
func mapping(lines string) string { return tenant("mapping:\n" + indent(2, lines)) }

func indent(n int, lines string) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(strings.TrimRight(lines, "\n"), "\n", "\n"+pad) + "\n"
}

// parse reads text with the variables SET, TOKEN, NUMBER and QUOTE set and EMPTY empty.
// Every file can be read except those called missing and empty.
func parse(text string) (*config.Config, error) {
	env := map[string]string{"SET": "from-environment", "TOKEN": "a-token-of-24-characters", "EMPTY": "", "NUMBER": "7", "QUOTE": "\": {[\n"}
	getenv := func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}
	readFile := func(name string) ([]byte, error) {
		switch filepath.Base(name) {
		case "missing":
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		case "empty":
			return nil, nil
		case "short":
			return []byte("a token of nineteen\n"), nil
		}
		return []byte("contents of some length\n"), nil
	}
	return config.Parse("etc/dossiersync.yaml", []byte(text), getenv, readFile, searches)
}

// searches are those that the program can make.
var searches = knownSearches()

func knownSearches() config.Searches {
	s := config.Searches{Check: func(stream, search string) error { return fhir.CheckSearch(dossier.Stream(stream), search) }}
	for _, stream := range dossier.Streams() {
		s.Streams = append(s.Streams, config.Stream{Name: string(stream), Types: stream.Types()})
	}
	return s
}

func mustParse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := parse(text)
	if err != nil {
		t.Fatalf("%s\n%s", err, text)
	}
	if plain := new(yaml.Node); yaml.Unmarshal([]byte(text), plain) == nil { // not with ${…} in a flow mapping
		if err := checkBySchema(t, schema(), []byte(text)); err != nil {
			t.Errorf("the schema refuses: %s\n%s", err, text)
		}
	}
	return c
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestDefaultsFillWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	got := mustParse(t, minimal)

	schedule := got.Tenants[0].Schedule
	if want := "0 7-23/4 * * *"; schedule.Text != want {
		t.Errorf("schedule %q, want %q", schedule.Text, want)
	}
	got.Tenants[0].Schedule = config.Schedule{}
	if want := "Europe/Amsterdam"; got.Tenants[0].Location.String() != want {
		t.Errorf("location %s, want %s", got.Tenants[0].Location, want)
	}
	got.Tenants[0].Location = nil

	// The words for codes have tests of their own.
	maps.DeleteFunc(got.Tenants[0].Mapping.Labels, func(key, _ string) bool { return strings.Contains(key, ".") })

	want := &config.Config{
		DataDir: "etc/data", ErasuresFile: "etc/data/erasures.jsonl", AccessLog: config.AccessLog{KeepYears: 5},
		PortalAPI: config.PortalAPI{
			Listen: "127.0.0.1:8080", ProofKeyFile: "etc/data/portal.key",
			Auth: config.TokenAuth{Issuer: "i", Audience: "a", JWKSFile: "etc/jwks.json", TenantClaim: "tenant",
				Types: []string{"at+jwt", "jwt"}, MaxLifetime: 24 * time.Hour},
		},
		Ops: config.Ops{Listen: "127.0.0.1:8081"},
		Tenants: []config.Tenant{{
			ID: "amaris", Name: "Amaris", MaxRemoved: 0.05, GrantsDormantAfter: 90 * 24 * time.Hour,
			Source: config.Source{FHIR: config.FHIR{
				BaseURL:  mustURL(t, "https://ecd.example/fhir"),
				Search:   map[string][]string{},
				PageSize: 500, Concurrency: 4, RequestsPerSecond: 50, RequestsPerRun: 100_000,
				Lag: 150 * time.Second, Overlap: 150 * time.Second,
			}},
			Mapping: config.Mapping{
				DocumentTime: "service",
				Timeline:     []string{"report", "form"},
				Author:       "name-and-role",
				Labels: map[string]string{
					"reports": "Rapportages", "forms": "Vragenlijsten", "care-plans": "Zorgplan",
					"general": "Algemeen", "care-plan": "Zorgleefplan",
					"single_report": "Rapportage", "single_form": "Vragenlijst",
				},
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRelativePathsCountFromTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"dossiersync.yaml": portal("tls: {cert_file: tls/cert.pem, key_file: " + filepath.Join(dir, "key.pem") + "}"),
		"jwks.json":        "{}",
		"tls/cert.pem":     "cert",
		"key.pem":          "key",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(filepath.Join(dir, "dossiersync.yaml"), os.LookupEnv, searches)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.DataDir, c.PortalAPI.TLS.CertFile, c.PortalAPI.TLS.KeyFile, c.PortalAPI.Auth.JWKSFile}
	want := []string{filepath.Join(dir, "data"), filepath.Join(dir, "tls/cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "jwks.json")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadNamesTheFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "absent.yaml")
	_, err := config.Load(path, os.LookupEnv, searches)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

func TestVariablesAreFilledInAfterTheYAMLIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"name: ${SET}":              "from-environment",
		`name: "a ${SET} b ${SET}"`: "a from-environment b from-environment",
		"name: $${SET}":             "${SET}",
		"name: $$${SET}":            "$${SET}",
		"name: $5 and $$5":          "$5 and $$5",
		`name: "${QUOTE}x"`:         "\": {[\nx",
	} {
		doc := portalLine + "tenants:\n  - id: amaris\n    source: {fhir: {base_url: https://ecd.example/fhir}}\n    " + text + "\n"
		if got := mustParse(t, doc).Tenants[0].Name; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// In YAML proper the brace of ${SET} would end the {flow: mapping}.
func TestVariablesMayStandInFlowMappings(t *testing.T) {
	t.Parallel()
	c := mustParse(t, source("auth: {bearer: {token: ${SET}}}\npage_size: ${NUMBER}"))
	fhir := c.Tenants[0].Source.FHIR
	if got := string(fhir.Auth.Bearer.Token.Value); got != "from-environment" {
		t.Errorf("token %q", got)
	}
	if fhir.PageSize != 7 {
		t.Errorf("page size %d", fhir.PageSize)
	}
}

func TestAliasesAreFollowed(t *testing.T) {
	t.Parallel()
	c := mustParse(t, portalLine+`tenants:
  - {id: a, name: A, source: &s {fhir: {base_url: https://ecd.example/fhir}}, mapping: &m {author: role}}
  - {id: b, name: B, source: *s, mapping: *m}
`)
	if got := c.Tenants[1].Mapping.Author; got != "role" {
		t.Errorf("author %q", got)
	}
}

func TestEveryTypeOfValueArrives(t *testing.T) {
	t.Parallel()
	c := mustParse(t, `
database_file: db
portal_api: {auth: {issuer: i, audience: a, jwks_url: "https://login.example/jwks"}}
ops: {users: [{name: u, token: "${TOKEN}", tenants: ["*"], may: [approve, read]}]}
tenants:
  - id: a
    name: A
    timezone: UTC
    max_removed: 0.5%
    source:
      fhir:
        base_url: https://ecd.example:8443/fhir/
        requests_per_second: 0.5
        lag: 1m30s
        overlap: 0s
        search:
          reports: ["Observation?code=x|y&category=a%2Bb"]
          forms: []
    mapping:
      report_codes: ["|dagrapport", "https://x.example|a,b"]
      hide: [{match: {code: "s|c", tag: "s|t"}}]
      category: [{match: {tag: "|t"}, set: general}]
      domains: [{match: {category: "s|c"}, set: wonen}]
      show: {in-progress: true}
      timeline: []
      labels: {care-plan: Plan}
`)
	a := c.Tenants[0]
	for name, test := range map[string]struct{ got, want any }{
		"database":   {c.Database, config.Credential{File: "etc/db"}},
		"users":      {c.Ops.Users, []config.User{{Name: "u", Token: config.Credential{Value: "a-token-of-24-characters"}, Tenants: []string{"a"}, May: []string{"approve", "read"}}}},
		"zone":       {a.Location.String(), "UTC"},
		"removed":    {a.MaxRemoved, 0.005},
		"base url":   {a.Source.FHIR.BaseURL.String(), "https://ecd.example:8443/fhir"},
		"rate":       {a.Source.FHIR.RequestsPerSecond, 0.5},
		"lag":        {a.Source.FHIR.Lag, 90 * time.Second},
		"overlap":    {a.Source.FHIR.Overlap, time.Duration(0)},
		"search":     {a.Source.FHIR.Search["reports"], []string{"Observation?code=x|y&category=a%2Bb"}},
		"not pulled": {a.Source.FHIR.Search["forms"], []string{}},
		"codes":      {a.Mapping.ReportCodes, []config.Code{{Code: "dagrapport"}, {System: "https://x.example", Code: "a,b"}}},
		"hide":       {a.Mapping.Hide[0], config.Match{Code: config.Code{System: "s", Code: "c"}, Tag: config.Code{System: "s", Code: "t"}}},
		"category":   {a.Mapping.Category, []config.Rule{{Match: config.Match{Tag: config.Code{Code: "t"}}, Set: "general"}}},
		"domains":    {a.Mapping.Domains, []config.Rule{{Match: config.Match{Category: config.Code{System: "s", Code: "c"}}, Set: "wonen"}}},
		"show":       {a.Mapping.Show, config.Show{InProgress: true}},
		"timeline":   {len(a.Mapping.Timeline), 0},
		"labels":     {a.Mapping.Labels["care-plan"], "Plan"},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", name, diff)
		}
	}
}

func TestAuthKinds(t *testing.T) {
	t.Parallel()
	token := mustURL(t, "https://login.ecd.example/token")
	for text, want := range map[string]config.Auth{
		"auth: none":       {},
		"auth: {}":         {},
		"auth:":            {},
		"auth: {none: {}}": {},
		"auth: {none: }":   {},
		"auth: {basic: {username: u, password_file: p}}": {Basic: &config.Basic{Username: "u", Password: config.Credential{File: "etc/p"}}},
		"auth: {bearer: {token: ${SET}}}":                {Bearer: &config.Bearer{Token: config.Credential{Value: "from-environment"}}},
		"auth: {client_credentials: {token_url: https://login.ecd.example/token, client_id: c, client_secret_file: s, scope: a b}}": {
			ClientCredentials: &config.ClientCredentials{TokenURL: token, ClientID: "c", ClientSecret: config.Credential{File: "etc/s"}, Scope: "a b"},
		},
		"auth: {private_key_jwt: {token_url: https://login.ecd.example/token, client_id: c, key_file: k, kid: 1}}": {
			PrivateKeyJWT: &config.PrivateKeyJWT{TokenURL: token, ClientID: "c", Key: config.Credential{File: "etc/k"}, KID: "1", Scope: "system/*.rs"},
		},
		"auth: {mtls: {ca_file: ca}}": {MTLS: &config.MTLS{CAFile: "etc/ca"}},
		"auth: {mtls: {cert_file: c, key_file: k}, bearer: {token_file: t}}": {
			MTLS:   &config.MTLS{CertFile: "etc/c", KeyFile: "etc/k"},
			Bearer: &config.Bearer{Token: config.Credential{File: "etc/t"}},
		},
	} {
		got := mustParse(t, source(text)).Tenants[0].Source.FHIR.Auth
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", text, diff)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		minimal: nil,
		top("database: postgres://u:hunter2@db.example/d"): {
			"3:database: the secret is in the file itself; use ${…} or database_file",
		},
		top("database: postgres://u@db.example/d"): nil,
		source("auth: {bearer: {token: hunter2}}"): {
			"8:tenants[0].source.fhir.auth.bearer.token: the secret is in the file itself; use ${…} or token_file",
		},
		strings.Replace(minimal, "https", "http", 1): {
			"2:tenants[0].source.fhir.base_url: is plain http to another machine, which anyone in between can read; use https",
		},
		strings.Replace(minimal, "https://ecd.example", "http://localhost:9000", 1):    nil,
		strings.Replace(minimal, "https://ecd.example/fhir", `"http://[::1]:9000"`, 1): nil,
		portal("listen: :8080\ndatabase: a=b\n") + "database: a=b\n": {
			"4:portal_api.listen: answers other machines over plain http; give tls, or make sure that something in front of it encrypts",
		},
	} {
		got := short(mustParse(t, text).Warnings)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s\n%s", diff, text)
		}
	}
}
