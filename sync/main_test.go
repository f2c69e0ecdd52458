package sync_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) {
	if err := setRapidFlags(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(storetest.Main(m))
}

// setRapidFlags sets how many scripts rapid draws: the same few each time, or as many as
// DOSSIERSYNC_CHECKS asks for, by DOSSIERSYNC_SEED or another seed each day. Rapid's own flags take
// precedence.
func setRapidFlags() error {
	checks := os.Getenv("DOSSIERSYNC_CHECKS")
	settings := map[string]string{"rapid.checks": cmp.Or(checks, "20"), "rapid.nofailfile": "true", "rapid.seed": "7"}
	if checks != "" {
		settings["rapid.seed"] = cmp.Or(os.Getenv("DOSSIERSYNC_SEED"), time.Now().UTC().Format("20060102"))
	}
	for name, value := range settings {
		if err := flag.Set(name, value); err != nil {
			return fmt.Errorf("set %s to %s: %w", name, value, err)
		}
	}
	return nil
}
