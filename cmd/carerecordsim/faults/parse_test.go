package faults

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestParseReadsEveryKind(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := Parse("all.yaml", content)
	if err != nil {
		t.Fatal(err)
	}
	if file.Seed != 7 || len(file.Rules) == 0 {
		t.Fatalf("seed %d, %d rules", file.Seed, len(file.Rules))
	}
	m := file.Rules[0].Match
	if got := fmt.Sprintln(m.Method, m.Path, m.Query, m.Type, m.Interaction, m.Page, m.After, m.Every,
		m.Probability, m.Times); got !=
		"GET ^/fhir/Obs _lastUpdated=ge Observation search 3 10 5 0.25 2\n" {
		t.Errorf("match is %s", got)
	}
	var named []string
	for _, r := range file.Rules {
		if r.Fault.String() == "" {
			t.Errorf("a rule without a fault: %+v", r)
		}
		named = append(named, r.Fault.String())
	}
	// Each kind is in the file, and each fault's name begins with its kind.
	for _, kind := range kindNames() {
		if !slices.ContainsFunc(named, func(s string) bool { return strings.HasPrefix(s, kind) }) {
			t.Errorf("no %s among %q", kind, named)
		}
	}
}

func TestParseReportsAllFaults(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                 "",
		"# nothing\n":                      "",
		"seed: 3\n":                        "",
		"seed: -1\n":                       `f.yaml:1: seed: "-1" is not a whole number of 0 or more`,
		"- a\n":                            `f.yaml:1: the file must be a mapping with seed, rules`,
		"rules: {}\n":                      `f.yaml:1: rules must be a list`,
		"seed: 1\nrules: [}":               `f.yaml:1: did not find expected node content`,
		"seed: 1\nseed: 2\n":               `f.yaml:2: seed is given twice`,
		"seed: 1\n---\nseed: 2":            `f.yaml:2: only one document is allowed`,
		"rules:\n- mach: {}\n":             `f.yaml:2: unknown key "mach" in a rule; known are match, fault; f.yaml:2: this rule has no fault; known are cached, `,
		"rules:\n- fault: explode\n":       `f.yaml:2: unknown fault "explode"; known are cached, `,
		"rules:\n- fault: delay\n":         `f.yaml:2: delay needs a value: {delay: 2s}`,
		"rules:\n- fault: {close: true}\n": `f.yaml:2: close takes no value: fault: close`,
		"rules:\n- fault: {delay: soon}\n": `f.yaml:2: delay: "soon" is not a time such as 500ms, 10s or 2m`,
		"rules:\n- fault: {delay: 1s, extra: 1}\n":                                   `f.yaml:2: unknown key "extra" in fault delay; known are delay`,
		"rules:\n- fault: {status: 700}\n":                                           `f.yaml:2: status: 700 is above 599`,
		"rules:\n- fault: {status: 429, headers: 3}\n":                               `f.yaml:2: headers must be a mapping of names to values`,
		"rules:\n- fault: {status: 429, retry-after: {when: 3s}}\n":                  `f.yaml:2: unknown key "when" in retry-after; known are date, epoch-milliseconds`,
		"rules:\n- fault: {next: nowhere}\n":                                         `f.yaml:2: next: "nowhere" is not one of repeat, loop, other-origin, relative, missing, expired`,
		"rules:\n- fault: {cut-off: 1.5}\n":                                          `f.yaml:2: cut-off: "1.5" is not a number between 0 and 1`,
		"rules:\n- fault: {cut-off: nan}\n":                                          `f.yaml:2: cut-off: "nan" is not a number between 0 and 1`,
		"rules:\n- fault: {gzip-bomb: 9999999GiB}\n":                                 `f.yaml:2: gzip-bomb: "9999999GiB" is not a size such as 10MiB or 1GiB`,
		"rules:\n- fault: {ignore: [[a]]}\n":                                         `f.yaml:2: ignore must be a single value`,
		"rules:\n- fault: []\n":                                                      `f.yaml:2: fault must be one of cached, `,
		"rules:\n- match: {page: 0}\n  fault: close\n":                               `f.yaml:2: match.page: "0" is not a whole number of 1 or more`,
		"rules:\n- match: {path: '['}\n  fault: close\n":                             "f.yaml:2: match.path: error parsing regexp: missing closing ]: `[`",
		"rules:\n- match: {probability: 0}\n  fault: close\n":                        `f.yaml:2: match.probability: this rule never applies`,
		"rules:\n- match: {interaction: chat}\n  fault: close\n":                     `f.yaml:2: match.interaction: "chat" is not one of search, history, read, vread, write, metadata`,
		"rules:\n- match: {type: [a]}\n  fault: close\n":                             `f.yaml:2: match.type must be a single value`,
		"rules:\n- match: &m {every: 2}\n  fault: close\n- {match: *m, fault: x}":    `f.yaml:4: match must be a mapping with`,
		"rules:\n- fault:\n    status: 503\n    colour: red\n- fault:\n    delay:\n": `f.yaml:4: unknown key "colour" in fault status; known are status, headers, retry-after, rate-limit; f.yaml:6: delay must be a single value`,
	} {
		_, err := Parse("f.yaml", []byte(content))
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q:\ngot  %s\nwant %s", content, got, want)
		}
	}
}

// The README's examples are valid.
func TestReadmeExamplesAreFaultFiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	seen := map[string]bool{}
	for _, m := range example.FindAllSubmatch(readme, -1) {
		if _, err := Parse("README.md", m[1]); err != nil {
			t.Errorf("%v in\n%s", err, m[1])
		}
	}
	// Each kind has a row with an example of its own.
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\|.*?`(fault: [^`]+)`").FindAllStringSubmatch(string(readme), -1) {
		seen[m[1]] = true
		content := "rules:\n- " + strings.ReplaceAll(m[2], `\|`, "|")
		if file, err := Parse("README.md", []byte(content)); err != nil ||
			!strings.HasPrefix(file.Rules[0].Fault.String(), m[1]) {
			t.Errorf("%s: %v: %s", m[1], err, m[2])
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if !seen[kind] {
			t.Errorf("the README does not tell of %s", kind)
		}
	}
}

func FuzzParse(f *testing.F) {
	content, err := os.ReadFile("testdata/all.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("rules:\n- match: {page: 2, path: '('}\n  fault: {status: 429, retry-after: {date: 30s}}\n"))
	f.Add([]byte("seed: 1\nseed: &a [*a]\n---\n!!binary x"))
	f.Add([]byte("rules: [{fault: {? [a] : b}}, {fault: {gzip-bomb: -1KiB}}, {<<: {fault: close}}]"))
	line := regexp.MustCompile(`^f\.yaml:\d*: .`)
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("f.yaml", content)
		if err != nil {
			if !line.MatchString(err.Error()) {
				t.Errorf("%q: an error without a place: %v", content, err)
			}
			return
		}
		// What is accepted is YAML, and each rule does something.
		var any map[string]any
		if err := yaml.Unmarshal(content, &any); err != nil {
			t.Errorf("%q: accepted, and is no YAML: %v", content, err)
		}
		for _, r := range file.Rules {
			if r.Fault.handler == nil {
				t.Errorf("%q: a rule that does nothing", content)
			}
		}
	})
}
