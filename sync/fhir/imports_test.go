package fhir

import (
	"os/exec"
	"strings"
	"testing"
)

// A source must not depend on where its items are stored, directly or through
// another package.
func TestNoDatabaseIsLinked(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"dossiersync/sync/fhir", "dossiersync/sync/source", "dossiersync/store/dossier"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).CombinedOutput()
		if err != nil {
			t.Fatalf("go list -deps %s: %v\n%s", pkg, err, out)
		}
		for _, dep := range strings.Fields(string(out)) {
			if dep == "dossiersync/store" || strings.HasPrefix(dep, "github.com/jackc/") || strings.HasPrefix(dep, "github.com/riverqueue/") {
				t.Errorf("%s links %s", pkg, dep)
			}
		}
	}
}
