package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool returns the path of a tool that make check-deploy gets and puts into the
// folders of DOSSIERSYNC_DEPLOY_TOOLS, which make test does without.
func tool(t *testing.T, name string) string {
	t.Helper()
	folders := os.Getenv("DOSSIERSYNC_DEPLOY_TOOLS")
	if folders == "" {
		t.Skip("DOSSIERSYNC_DEPLOY_TOOLS is not set: make check-deploy does this")
	}
	for _, folder := range filepath.SplitList(folders) {
		if path := filepath.Join(folder, name); isFile(path) {
			return path
		}
	}
	t.Fatalf("there is no %s in %s", name, folders)
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// command runs a program that must succeed, and returns what it prints.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
