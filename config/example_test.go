package config_test

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"dossiersync/config"
)

func anyVariable(string) (string, bool) { return "postgres://db.example/dossiersync", true }

// commented matches what example.yaml leaves out: #key: value, or #- item.
var commented = regexp.MustCompile(`(?m)^( *)#([^ \n])`)

func parseExample(t interface{ Fatal(...any) }) *yaml.Node {
	var root yaml.Node
	if err := yaml.Unmarshal(commented.ReplaceAll(config.Example(), []byte("$1$2")), &root); err != nil {
		t.Fatal(err)
	}
	return root.Content[0]
}

// walk calls visit with every node below n, and with its path without indices.
func walk(n *yaml.Node, path string, visit func(string, *yaml.Node)) {
	visit(path, n)
	switch n.Kind {
	case yaml.SequenceNode:
		for i, item := range n.Content {
			walk(item, path+"["+strconv.Itoa(i)+"]", visit)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			walk(n.Content[i+1], strings.TrimPrefix(path+"."+n.Content[i].Value, "."), visit)
		}
	}
}

func TestExampleLoadsCleanly(t *testing.T) {
	t.Parallel()
	c, err := config.Parse("example.yaml", config.Example(), anyVariable, readAny, searches)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
}

// The keys that are commented out are parsed here only.
func TestExampleHasNoUnknownKeys(t *testing.T) {
	t.Parallel()
	text, err := yaml.Marshal(parseExample(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse("example.yaml", text, anyVariable, readAny, searches)
	faults, _ := errors.AsType[config.Faults](err)
	for _, f := range faults {
		// All alternatives are in it at once.
		if !strings.Contains(f.Message, "is given as well as") {
			t.Error(f)
		}
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	var have []string
	walk(parseExample(t), "", func(path string, _ *yaml.Node) { have = append(have, index.ReplaceAllString(path, "[]")) })
	for section, keys := range knownKeys(t) {
		path := strings.TrimPrefix(index.ReplaceAllString(section, "[]")+".", ".")
		for _, key := range keys {
			if !slices.Contains(have, path+key) && !inMatch(path) {
				t.Errorf("%s%s is not in the example", path, key)
			}
		}
	}
}

var index = regexp.MustCompile(`\[\d+\]`)

// knownKeys returns the keys that the engine knows in each section of the example, by
// the section's path: a section that is given a key that it does not know names the
// others.
func knownKeys(t *testing.T) map[string][]string {
	t.Helper()
	root := parseExample(t)
	var sections []*yaml.Node
	walk(root, "", func(_ string, n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			sections = append(sections, n)
		}
	})
	for _, s := range sections {
		s.Content = append(s.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "q"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "q"})
	}
	text, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse("example.yaml", text, anyVariable, readAny, searches)
	faults, _ := errors.AsType[config.Faults](err)
	known := make(map[string][]string)
	for _, f := range faults {
		if _, keys, ok := strings.Cut(f.Message, "the keys here are "); ok {
			known[strings.TrimSuffix(strings.TrimSuffix(f.Key, "q"), ".")] = strings.Split(keys, ", ")
		}
	}
	if want := len(sections) - 1; len(known) != want { // auth.none has no keys
		t.Errorf("%d sections named their keys, want %d", len(known), want)
	}
	return known
}

// inMatch reports whether path is a rule's match; the example spreads its keys over
// several rules.
func inMatch(path string) bool { return strings.HasSuffix(path, ".match.") }
