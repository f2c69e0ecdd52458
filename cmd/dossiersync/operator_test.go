package main

import (
	"bytes"
	"errors"
	"os/user"
	"strings"
	"testing"
)

func TestSystemAccountsAreNotPersons(t *testing.T) {
	t.Parallel()
	accounts := map[string]string{"postgres": "101", "care": "450", "anna": "1001", "nobody": "65534", "container": "65532"}
	lookup := func(name string) (*user.User, error) {
		if id, ok := accounts[name]; ok {
			return &user.User{Username: name, Uid: id}, nil
		}
		return nil, errors.New("no such account")
	}
	for name, want := range map[string]bool{
		"unknown": true, "root": true, "dossiersync": true, "postgres": true, "care": true, "nobody": true,
		"anna": false, "Anna de Vries": false, "a.devries@zorg.example": false,
	} {
		if got := isShared(name, lookup); got != want {
			t.Errorf("%q is shared: %v, want %v", name, got, want)
		}
	}
}

func TestDecisionsAskForAName(t *testing.T) {
	t.Setenv("SUDO_USER", "dossiersync")
	dir := t.TempDir()
	for _, tt := range []string{
		"erase --tenant amaris --client 1", "reconcile --tenant amaris --approve",
		"quarantine discard x --tenant amaris --reason y", "quarantine show x --raw",
	} {
		for _, by := range [][]string{nil, {"--by", "unknown"}, {"--by", " "}} {
			var out, errs bytes.Buffer
			args := append(append([]string{"--config", dir + "/none.yaml"}, by...), strings.Fields(tt)...)
			if code := run(t.Context(), args, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "give yours with --by NAME") {
				t.Errorf("%q %s ends with %d: %s", by, tt, code, errs.String())
			}
		}
		// With a name, the error is the missing configuration.
		for _, by := range []string{"anna", "Anna de Vries"} {
			var out, errs bytes.Buffer
			args := append([]string{"--by", by, "--config", dir + "/none.yaml"}, strings.Fields(tt)...)
			if code := run(t.Context(), args, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "there is no configuration file") ||
				strings.Contains(errs.String(), "--by") {
				t.Errorf("as %s, %s ends with %d: %s", by, tt, code, errs.String())
			}
		}
	}
	for _, bad := range []string{"a\nb", strings.Repeat("x", 101)} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"--by", bad, "erase", "--tenant", "amaris", "--client", "1"}, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "--by must be a name") {
			t.Errorf("as %q it ends with %d: %s", bad, code, errs.String())
		}
	}
}
