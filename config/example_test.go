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

// What is commented out in the example is not parsed by anybody else.
func TestExampleHasNoKeyThatDoesNotExist(t *testing.T) {
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

// Every section says what keys it has when it is given one that it has not.
func TestExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	root := parseExample(t)
	var have []string
	var sections []*yaml.Node
	index := regexp.MustCompile(`\[\d+\]`)
	walk(root, "", func(path string, n *yaml.Node) {
		have = append(have, index.ReplaceAllString(path, "[]"))
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
	found := 0
	for _, f := range faults {
		_, keys, ok := strings.Cut(f.Message, "the keys here are ")
		if !ok {
			continue
		}
		found++
		path := index.ReplaceAllString(strings.TrimSuffix(f.Key, "q"), "[]")
		for key := range strings.SplitSeq(keys, ", ") {
			if !slices.Contains(have, path+key) && !inMatch(path) {
				t.Errorf("%s%s is not in the example", path, key)
			}
		}
	}
	if want := len(sections) - 1; found != want { // auth.none has no keys
		t.Errorf("%d sections told their keys, want %d", found, want)
	}
}

// inMatch says that path is a rule's match, of which the example spreads the
// keys over several.
func inMatch(path string) bool { return strings.HasSuffix(path, ".match.") }
