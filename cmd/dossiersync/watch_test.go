package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"dossiersync/portalapi/ops/operate"
)

func TestColouredStatusStaysAligned(t *testing.T) {
	t.Parallel()
	now := time.Now()
	list := []operate.Status{{ID: "amaris", State: operate.Fresh, NextSlot: now}, {ID: "szr", State: operate.Stale, NextSlot: now}, {ID: "o", State: operate.Late, NextSlot: now}}
	var grey, page bytes.Buffer
	printStatus(&grey, operate.Service{Now: now, Tenants: list})
	printStatus(coloured{&page}, operate.Service{Now: now, Tenants: list})
	got := page.String()
	for _, want := range []string{"\x1b[32mfresh\x1b[39m", "\x1b[31mstale\x1b[39m", "\x1b[33mlate\x1b[39m"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
		got = strings.ReplaceAll(got, want[:5], "")
	}
	got = strings.NewReplacer("\x1b[39m", "").Replace(got)
	if got != grey.String() {
		t.Errorf("without its colours it is\n%s\nwant\n%s", got, grey.String())
	}
}
