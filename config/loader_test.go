package config_test

import (
	"strings"
	"testing"
)

func TestFaultsOfYAMLItself(t *testing.T) {
	t.Parallel()
	check(t, "",
		"1:: holds no configuration; give at least `portal_api` and `tenants`")
	check(t, "# nothing\n",
		"1:: holds no configuration; give at least `portal_api` and `tenants`")
	check(t, "- a\n",
		"1:: must be a section of keys with values, not a list")
	check(t, "just text\n",
		"1:: must be a section of keys with values, not a single value")
	check(t, "null\n",
		"1:portal_api.auth: is missing; give issuer, audience, and jwks_url or jwks_file of the tokens that the portal sends. To try things out, make a key for such tokens: dossiersync token key",
		"1:tenants: is missing; give at least one tenant: a care organisation whose dossiers are to be synchronised")
	check(t, minimal+"a: [1\nb: 2\n",
		"3:: cannot be read as YAML here or just after: did not find expected ',' or ']'; check the indentation, and put quotes around values with special characters")
	check(t, minimal+"a: {b: c\n  d: }}\n",
		"3:: cannot be read as YAML here or just after: did not find expected ',' or '}'; check the indentation, and put quotes around values with special characters")
	check(t, minimal+"a:\n  - b\n c\n",
		"5:: cannot be read as YAML here or just after: did not find expected key; check the indentation, and put quotes around values with special characters")
	check(t, "a:\n\tb: 1\n  c: 1\n\td: 1\n",
		"2:: is indented with a tab; use spaces",
		"4:: is indented with a tab; use spaces")
	check(t, minimal+"a: 1\n b: 2\n",
		"4:: cannot be read as YAML here or just after: mapping values are not allowed in this context; check the indentation, and put quotes around values with special characters")
	check(t, "a: b: c\n",
		"1:: cannot be read as YAML here or just after: mapping values are not allowed in this context; check the indentation, and put quotes around values with special characters")
	check(t, "a: \xff\n",
		"1:: holds a byte that is not text; save the file as UTF-8 without control characters")
	check(t, "a: \x01\n",
		"1:: holds a byte that is not text; save the file as UTF-8 without control characters")
	check(t, "a: 'x\n",
		"2:: cannot be read as YAML here or just after: found unexpected end of stream; check the indentation, and put quotes around values with special characters")
	check(t, minimal+"a: *x\n",
		"3:: cannot be read as YAML here or just after: unknown anchor 'x' referenced; check the indentation, and put quotes around values with special characters")
	check(t, minimal+"---\n",
		"3:: a second YAML document begins here; keep everything in one, without `---` lines")
	check(t, minimal+"---\nx: 1\n---\n",
		"3:: a second YAML document begins here; keep everything in one, without `---` lines")
}

// A few lines with aliases of aliases stand for more values than fit in memory.
func TestAliasBombsAreRefused(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(portalLine + "tenants:\n  - id: a\n    mapping:\n      hide: &h [&m {match: {tag: s|t}}")
	b.WriteString(strings.Repeat(", *m", 1000) + "]\n")
	b.WriteString(strings.Repeat("  - {id: b, mapping: {hide: *h}}\n", 1000))
	faults := faultsOf(t, b.String())
	bomb := 0
	for _, f := range faults {
		if strings.Contains(f.Message, "more than 250000 values") {
			bomb++
		}
	}
	if bomb != 1 {
		t.Errorf("said %d times, want once", bomb)
	}
}
