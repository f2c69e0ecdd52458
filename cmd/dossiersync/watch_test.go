package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

func TestColouredStatusStaysAligned(t *testing.T) {
	t.Parallel()
	now := time.Now()
	list := []operate.Status{{ID: "amaris", State: store.Fresh, NextSlot: now}, {ID: "szr", State: store.Stale, NextSlot: now}, {ID: "o", State: store.Late, NextSlot: now}}
	var grey, page bytes.Buffer
	printStatus(&grey, now, list)
	printStatus(coloured{&page}, now, list)
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
