package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// shellWords splits a line into words, with double quotes as the only quotes.
func shellWords(line string) []string {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

// accepts fails the test unless the program accepts the command, which is not run.
func accepts(t *testing.T, where, line string) {
	t.Helper()
	var c cli
	parser, err := newParser(&c, kong.Exit(func(int) { t.Errorf("%s: %s ends at once", where, line) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(shellWords(line)[1:]); err != nil {
		t.Errorf("%s: %s: %v", where, line, err)
	}
}

func TestDocumentedCommandsAreAccepted(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"../../deploy/RUNBOOK.md": 25, "../../README.md": 4} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var lines []string
		for i, part := range strings.Split(string(text), "```") {
			pattern := "`(dossiersync [^`…]*)`"
			if i%2 == 1 { // between fences
				pattern = `(?m)^(?:bin/)?(dossiersync .*)$`
			}
			for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(part, -1) {
				lines = append(lines, m[1])
			}
		}
		for _, line := range lines {
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " > ")
			line = regexp.MustCompile(`\b(T|C)\b`).ReplaceAllString(line, "x")
			if strings.Contains(line, " ID") {
				continue
			}
			accepts(t, name, line)
			n++
		}
		if n < least {
			t.Errorf("%s has %d commands, want %d or more", name, n, least)
		}
	}
	if diff := cmp.Diff([]string{"a", "b c", "--d"}, shellWords(`a "b c" --d`)); diff != "" {
		t.Error(diff)
	}
}
