package config_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"dossiersync/config"
)

// schema returns the compiled schema.
var schema = sync.OnceValue(func() *jsonschema.Schema {
	text, err := config.Schema(searches)
	if err != nil {
		panic(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("dossiersync.schema.json", doc); err != nil {
		panic(err)
	}
	return c.MustCompile("dossiersync.schema.json")
})

// checkBySchema returns why the schema refuses a file, as an editor would say it.
func checkBySchema(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var file any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("%s\n%s", err, text)
	}
	asJSON, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemaAcceptsTheExample(t *testing.T) {
	t.Parallel()
	s := schema()
	everyKey, err := yaml.Marshal(parseExample(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"as it is": config.Example(), "with every key": everyKey} {
		if err := checkBySchema(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaHasEveryKeyOfTheEngine(t *testing.T) {
	t.Parallel()
	text, err := config.Schema(searches)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	sections := 0
	for section, keys := range knownKeys(t) {
		sections++
		s := root
		for name := range strings.FieldsFuncSeq(index.ReplaceAllString(section, ".[]"), func(r rune) bool { return r == '.' }) {
			if name == "[]" {
				s, _ = s["items"].(map[string]any)
				continue
			}
			properties, _ := s["properties"].(map[string]any)
			s, _ = properties[name].(map[string]any)
		}
		properties, _ := s["properties"].(map[string]any)
		var have []string
		for name, p := range properties {
			have = append(have, name)
			if p, _ := p.(map[string]any); section != "" && p["description"] == nil {
				t.Errorf("%s.%s has no description", section, name)
			}
		}
		slices.Sort(keys)
		slices.Sort(have)
		if !slices.Equal(have, keys) {
			t.Errorf("%q: the schema has %q, the engine %q", section, have, keys)
		}
		if s["additionalProperties"] != false {
			t.Errorf("%q: other keys are accepted", section)
		}
	}
	if sections < 20 {
		t.Errorf("%d sections were compared", sections)
	}
}

// Each text is a valid file with one change.
func TestSchemaAndEngineAgree(t *testing.T) {
	t.Parallel()
	s := schema()
	for _, text := range []string{
		minimal, top("quarantine:"), top(`quarantine: {key_file: ""}`), top("access_log: {keep_years: 7}"),
		top("data_dir: ${SET}"), portal("listen: localhost:8082"), portal("tls:"), tenant("schedule: 0 ${NUMBER} * * *"),
		strings.Replace(minimal, "id: amaris", "id: 4711", 1), tenant("schedule: \"@daily\""), tenant("schedule: 0 0 7-23/4 * * MON-FRI"),
		tenant("max_removed: 0.5%"), source("page_size: ${NUMBER}"), source("requests_per_second: 0.5"), source("lag: 1m30s"),
		source("lag: 0"), source("auth: none"), source("auth:"), source("auth: {none: }"), source("search: {forms: [], goals: [\"Goal?_tag=a|b\"]}"),
		source("auth: {private_key_jwt: {token_url: \"https://l.example/t\", client_id: 12, key_file: k, kid: 1}}"),
		mapping("author: role"), mapping("timeline: []"), mapping("report_codes: [\"|x\"]"), mapping("show: {stopped: true}"),
		mapping("category: [{match: {tag: \"a|b\"}, set: general}]"),
	} {
		if _, err := parse(text); err != nil {
			t.Errorf("the engine refuses: %v\n%s", err, text)
		}
		if err := checkBySchema(t, s, []byte(text)); err != nil {
			t.Errorf("the schema refuses: %v\n%s", err, text)
		}
	}
	for _, text := range []string{
		tenantLine, portalLine, portalLine + "tenants: []\n", top("databas: x"), top("data_dir: [a]"), top("access_log: {keep_years: 4}"),
		top("access_log: {keep_years: five}"), portal("listen: nowhere"), ops("users: [{name: a, token: t, tenants: [amaris]}]"),
		ops("users: [{name: a, tenants: [amaris], may: [read]}]"), ops("users: [{name: a, token: t, tenants: [amaris], may: [write]}]"),
		strings.Replace(minimal, "id: amaris", "id: Amaris", 1), strings.Replace(minimal, "name: Amaris, ", "", 1),
		tenant("schedule: \"@every 4h\""), tenant("schedule: TZ=UTC 0 7 * * *"), tenant("max_removed: 5"), source("lag: 150"), source("lag: soon"),
		source("page_size: 0"), source("page_size: \"7\""), source("auth: {bearer: {}}"), source("auth: basic"), source("search: {goals: [CarePlan]}"),
		strings.Replace(minimal, "https://ecd.example/fhir", "ecd.example", 1), source("auth: {oauth: {}}"),
		mapping("author: nobody"), mapping("timeline: [plan]"), mapping("hide: [{match: {tag: x}}]"), mapping("hide: [{}]"),
		mapping("category: [{match: {tag: \"a|b\"}}]"), mapping("show: {stopped: 1}"), mapping("labels: {report: x}"),
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("the engine accepts\n%s", text)
		}
		if err := checkBySchema(t, s, []byte(text)); err == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
	}
}
