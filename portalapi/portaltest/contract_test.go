package portaltest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Every example in the contract conforms to its schema.
func TestExamplesConform(t *testing.T) {
	t.Parallel()
	c, err := Contract()
	if err != nil {
		t.Fatal(err)
	}
	CheckExamples(t, c, 10)
}

// A property that the contract does not declare is a fault, at any depth.
func TestUndeclaredPropertyIsFault(t *testing.T) {
	t.Parallel()
	c, err := Contract()
	if err != nil {
		t.Fatal(err)
	}
	content := pointer{"paths", "/v1/dossiers/{client}/reports/{id}", "get", "responses", "200", "content", "application/json"}
	m, _ := c.at(content)
	text, err := json.Marshal(m["example"])
	if err != nil {
		t.Fatal(err)
	}
	schema := slices.Concat(content, pointer{"schema"})
	if err := c.Validate(schema, text); err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{`"item":{`, `"author":{`, `"freshness":{`, `{"`} {
		bad := strings.Replace(string(text), old, strings.Replace(old, "{", `{"secret":1,`, 1), 1)
		if old == `{"` {
			bad = `{"secret":1,"` + strings.TrimPrefix(string(text), `{"`)
		}
		if err := c.Validate(schema, []byte(bad)); err == nil {
			t.Errorf("%s may have a property of any name", old)
		}
	}
}
