package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bare runs a step of make as somebody who is not root, where there is nothing but
// these programs: scripts by name, and the few tools that are needed to run them.
func bare(t *testing.T, programs map[string]string, name string, args ...string) (said string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range []string{"sh", "dirname"} {
		path, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(path, filepath.Join(dir, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	programs["id"] = "echo 1000"
	for program, does := range programs {
		if err := writeProgram(filepath.Join(dir, program), "#!/bin/sh\n"+does+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), script, args...)
	cmd.Env = []string{"PATH=" + dir}
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// A newcomer without root and without sudo is told what to do.
func TestStepsSayWhatTheyCannotInstall(t *testing.T) {
	t.Parallel()
	const node = "Linting the contracts and the Dockerfile needs npm: install Node.js"
	for _, tt := range []struct {
		programs map[string]string
		name     string
		args     []string
		says     []string // nothing: it succeeds
	}{
		{map[string]string{}, "../.ci/as-root", []string{"apt-get", "update"}, []string{"this needs root and sudo is not installed: run 'apt-get update' as root"}},
		{map[string]string{"sudo": `[ "$*" = "apt-get update" ]`}, "../.ci/as-root", []string{"apt-get", "update"}, nil},
		{map[string]string{}, "../.ci/install-npm", nil, []string{node}},
		{map[string]string{"apt-get": "exit 0"}, "../.ci/install-npm", nil, []string{"run 'apt-get update -qq' as root", node}},
		{map[string]string{"apt-get": "exit 0", "node": "exit 0"}, "../.ci/install-npm", nil, []string{"sudo is not installed", node}},
		{map[string]string{"node": "[ $# = 1 ] && echo v18.20.0; exit 1", "npm": "exit 0"}, "../.ci/install-npm", nil, []string{"Node.js v18.20.0 is too old for the linters: install Node.js"}},
		{map[string]string{"node": "exit 0", "npm": "exit 0"}, "../.ci/install-npm", nil, nil},
	} {
		said, ok := bare(t, tt.programs, tt.name, tt.args...)
		if ok != (tt.says == nil) {
			t.Errorf("%s with %v succeeds: %v\n%s", tt.name, tt.programs, ok, said)
		}
		for _, want := range tt.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s with %v says nothing of %q:\n%s", tt.name, tt.programs, want, said)
			}
		}
	}
}

// What makes a newcomer's machine ready never calls sudo where it is not.
func TestNothingButAsRootCallsSudoUnseen(t *testing.T) {
	t.Parallel()
	if strings.Contains(string(read(t, "../Makefile")), "sudo") {
		t.Error("the Makefile calls sudo: let .ci/as-root do so")
	}
	files, err := filepath.Glob("../.ci/*")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if isFile(f) && strings.Contains(string(read(t, f)), "sudo apt-get") && !strings.Contains(string(read(t, f)), "command -v sudo") {
			t.Errorf("%s calls sudo without looking for it", f)
		}
	}
}
