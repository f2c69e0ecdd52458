package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"
)

// runbookCommands returns what the runbook has people paste first, and the commands
// that work afterwards.
func runbookCommands(t *testing.T) (composed, systemd string, lines []string) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(read(t, "RUNBOOK.md")), -1) {
		switch block := m[1]; {
		case strings.Contains(block, "docker compose"):
			composed += block
		case strings.Contains(block, "sudo"):
			systemd += block
		default:
			lines = append(lines, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	if composed == "" || systemd == "" || len(lines) < 25 {
		t.Fatalf("RUNBOOK.md has %d commands, and before them:\n%s\n%s", len(lines), composed, systemd)
	}
	return composed, systemd, lines
}

// typed returns the words with which a shell calls the program, for a command that
// is typed after the block was.
func typed(t *testing.T, block, program, line string) []string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"
	if err := writeProgram(filepath.Join(dir, program), script); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", block+line)
	cmd.Env = append(os.Environ(), "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// option returns what stands behind a flag.
func option(words []string, flag string) string {
	if i := slices.Index(words, flag); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// asksService reports whether a command dials the operators' listener of this machine.
func asksService(words []string) bool {
	return words[0] == "resync" || words[0] == "health" && option(words, "--address") == ""
}

// decides reports whether a command is recorded as a person's decision.
func decides(words []string) bool {
	return words[0] == "erase" || slices.Contains(words, "--approve") || slices.Contains(words, "--raw") || len(words) > 1 && words[1] == "discard"
}

func TestRunbookWorksWithCompose(t *testing.T) {
	t.Parallel()
	var c composition
	if err := yaml.Unmarshal(read(t, "compose.yaml"), &c); err != nil {
		t.Fatal(err)
	}
	composed, _, lines := runbookCommands(t)
	asked := 0
	for _, line := range lines {
		words := typed(t, composed, "docker", line)
		if len(words) < 4 || words[0] != "compose" {
			t.Fatalf("%s runs docker %q", line, words)
		}
		verb, words := words[1], words[2:]
		for strings.HasPrefix(words[0], "--") {
			words = words[1:]
		}
		service, words := words[0], words[1:]
		s, ok := c.Services[service]
		if !ok {
			t.Fatalf("%s: there is no service %s", line, service)
		}
		has := secretsOf(t, s.Secrets)
		if verb == "exec" {
			// It joins what runs, where nothing puts the program before it.
			if words[0] != "/dossiersync" || s.Command[0] != "serve" {
				t.Errorf("%s: %s runs %v there, and %s is to join it", line, service, s.Command, words[0])
			}
			words = words[1:]
		}
		if file := option(words, "--token-file"); words[0] == "resync" {
			name, secret := strings.CutPrefix(file, "/run/secrets/")
			if !secret || has[name] == "" || has[name] == "none" {
				t.Errorf("%s: %s has no token in %q", line, service, file)
			}
		}
		only := option(s.Command, "--only")
		switch {
		case asksService(words):
			asked++
			if verb != "exec" || only != "" && !slices.Contains(strings.Split(only, ","), "ops") {
				t.Errorf("%s: the operators' listener is not in %s (%s)", line, service, verb)
			}
		case verb != "run" || !strings.Contains(composed, "run --rm --no-deps "+service):
			t.Errorf("%s: works only where %s does", line, service)
		case words[0] == "migrate" && has["database_url"] != "owner_url",
			words[0] != "migrate" && has["worker_url"] != "worker_url":
			t.Errorf("%s: %s does not know the database", line, service)
		}
		if decides(words) && option(words, "--by") != "Anna de Vries" {
			t.Errorf("%s: under whose name?", line)
		}
	}
	if asked < 5 {
		t.Errorf("%d commands ask the running service", asked)
	}
}

func TestRunbookWorksWithSystemd(t *testing.T) {
	t.Parallel()
	if !isFile("debian/dossiersync-admin") || !strings.Contains(string(read(t, "debian/nfpm.yaml")), "dst: /usr/sbin/dossiersync-admin") {
		t.Error("the package has no dossiersync-admin")
	}
	as := []string{"dossiersync-admin"}
	_, systemd, lines := runbookCommands(t)
	for _, line := range lines {
		words := typed(t, systemd, "sudo", line)
		if len(words) <= len(as) || !slices.Equal(words[:len(as)], as) {
			t.Fatalf("%s runs sudo %q, want it to begin with %q", line, words, as)
		}
		words = words[len(as):]
		if words[0] == "resync" && option(words, "--token-file") != "/etc/dossiersync/secrets/ops_token" {
			t.Errorf("%s: its token is not among the secrets", line)
		}
		if decides(words) && option(words, "--by") != "Anna de Vries" {
			t.Errorf("%s: under whose name?", line)
		}
	}
}

// writeProgram writes a program while no other test starts one, which would hold the
// file open, so that it could not be run (ETXTBSY).
func writeProgram(path, text string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(text), 0o755)
}
