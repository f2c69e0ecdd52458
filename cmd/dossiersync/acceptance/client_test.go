package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The examples of the generated clients print the same of a dossier. The one in TypeScript
// is run where DOSSIERSYNC_NPM_TOOLS names the folder of its tools (`make openapi`).
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	h := newSmallHarness(t)
	h.mustRun("sync", "--tenant", "amaris")
	h.serve("")
	token := h.grantAll(h.clientIDs()...)

	inGo := runExample(t, "go", "run", "../../../portalapi/client/example", "http://"+h.portalAddress, token)
	for _, want := range []string{", as Vertegenwoordiger\n", "  plan: ", "    goal: "} {
		if !strings.Contains(inGo, want) {
			t.Errorf("the example in Go prints no %q:\n%s", want, inGo)
		}
	}
	if tools := os.Getenv("DOSSIERSYNC_NPM_TOOLS"); tools != "" {
		dir := compileTypeScript(t, filepath.Join(tools, "node_modules"))
		inTypeScript := runExample(t, "node", filepath.Join(dir, "out", "example.js"), "http://"+h.portalAddress, token)
		if diff := cmp.Diff(inGo, inTypeScript); diff != "" {
			t.Errorf("the examples differ (-Go +TypeScript):\n%s", diff)
		}
	}
}

func runExample(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, &stderr)
	}
	return string(out)
}

// compileTypeScript compiles a copy of the client for TypeScript into its folder out.
func compileTypeScript(t *testing.T, modules string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../../portalapi/client/typescript")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	runExample(t, filepath.Join(modules, ".bin", "tsc"), "-p", dir, "--outDir", filepath.Join(dir, "out"))
	return dir
}
