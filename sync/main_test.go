package sync_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"testing"

	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) {
	if err := setRapidFlags(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(storetest.Main(m))
}

// setRapidFlags sets how much rapid draws, unless its own flags say so: the same few
// scripts each time, or as many others as DOSSIERSYNC_CHECKS asks for.
func setRapidFlags() error {
	checks := os.Getenv("DOSSIERSYNC_CHECKS")
	settings := map[string]string{"rapid.checks": cmp.Or(checks, "20"), "rapid.nofailfile": "true"}
	if checks == "" {
		settings["rapid.seed"] = "7"
	}
	for name, value := range settings {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("set %s to %s: %w", name, value, err)
		}
	}
	return nil
}
