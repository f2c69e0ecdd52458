package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"dossiersync/store/storetest"
)

// Exit codes of the program.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitLeftOver = 3
)

// program is the built dossiersync. TestMain sets it before any test starts.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dossiersync-acceptance")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "dossiersync")
	args := append([]string{"build", "-o", program}, raceFlag...)
	if out, err := exec.Command("go", append(args, "dossiersync/cmd/dossiersync")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		return 1
	}
	return storetest.Main(m)
}
