package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"dossiersync/config"
)

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	type holder struct{ Credential *config.Credential }
	c := &config.Credential{Value: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.Value, "credential", *c)
	asJSON, err := json.Marshal(holder{c})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(holder{c})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{
		fmt.Sprint(c.Value), fmt.Sprintf("%v %+v %#v %s %q %x", *c, *c, *c, *c, *c, *c),
		fmt.Sprintf("%s %q %#v %x", c.Value, c.Value, c.Value, c.Value),
		log.String(), string(asJSON), string(asYAML),
	} {
		if strings.Contains(got, "hunter2") || strings.Contains(got, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("prints %s", got)
		}
	}
}

func TestReadFindsTheSecretAsItIsNow(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	c := config.Credential{File: file}
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(want+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := c.Read()
		if err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", string(got), err, want)
		}
	}
	if got, err := (config.Credential{Value: "in place\n"}).Read(); err != nil || string(got) != "in place" {
		t.Errorf("got %q, %v", string(got), err)
	}
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []config.Credential{{}, c, {File: file + "absent"}} {
		if got, err := c.Read(); err == nil {
			t.Errorf("%s: got %q, want an error", c.File, string(got))
		}
	}
}

// An operator may put a secret's variable under the wrong key. The fault must not show it.
func TestNothingFromTheEnvironmentIsInAFault(t *testing.T) {
	t.Parallel()
	var scalars []string
	walk(parseExample(t), "", func(path string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			scalars = append(scalars, path)
		}
	})
	shapes := []string{
		"%s", "@every %s", "TZ=%s * * * * *", "* * * * %s", "http://%s", "https://u:%s@h/", "https://h/%s?%s", "postgres://u:%s@h/d",
		"Patient?%s", "Patient?_count=%s", "Patient?a=%%zz%s", "a|%s", "%s|a|b", "127.0.0.1:%s", "%s:80", "/%s/missing", "%s%%", "%ss", "\n%s",
	}
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SampledFrom(scalars).Draw(t, "path")
		secret := strings.ReplaceAll(rapid.SampledFrom(shapes).Draw(t, "shape"), "%s", "hunter2")
		root := parseExample(t)
		walk(root, "", func(p string, n *yaml.Node) {
			if p == path {
				*n = yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: "${LEAK}"}
			}
		})
		text, err := yaml.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse("f", text, func(name string) (string, bool) {
			if name == "LEAK" {
				return strings.ReplaceAll(secret, "%%", "%"), true
			}
			return "postgres://h/d", true
		}, readAny, searches)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("leaks: %v", err)
		}
		if c != nil && strings.Contains(fmt.Sprint(c.Warnings), "hunter2") {
			t.Errorf("leaks: %v", c.Warnings)
		}
	})
}

func readAny(string) ([]byte, error) { return []byte("contents of some length"), nil }
