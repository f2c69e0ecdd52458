package main

import (
	"regexp"
	"strings"
	"testing"
)

// Each example in a help text must be a command that the program accepts.
func TestEveryCommandHasExamples(t *testing.T) {
	t.Parallel()
	var c cli
	parser, err := newParser(&c)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.TrimPrefix(leaf.FullPath(), "dossiersync ")
		_, examples, found := strings.Cut(leaf.Detail, "Examples:\n")
		n := 0
		for _, m := range regexp.MustCompile(`(?m)^  (?:\(umask 077; )?(dossiersync .*)$`).FindAllStringSubmatch(regexp.MustCompile(`\\\n *`).ReplaceAllString(examples, ""), -1) {
			line, _, _ := strings.Cut(m[1], " && ")
			line, _, _ = strings.Cut(line, " > ")
			line, _, _ = strings.Cut(line, " | ")
			line, _, _ = strings.Cut(line, "    ") // what it does
			accepts(t, name, line)
			if strings.Contains(line, " "+strings.Fields(name)[0]) {
				n++
			}
		}
		if !found || n == 0 {
			t.Errorf("dossiersync %s --help has no examples", name)
		}
	}
}
