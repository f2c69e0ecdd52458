package console

import (
	"strings"
	"testing"
	"time"

	"dossiersync/store"
)

func TestNumbersAndNamesForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := number(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got := count(1, "item", "items") + ", " + count(2000, "item", "items"); got != "1 item, 2,000 items" {
		t.Errorf("counted: %q", got)
	}
	for want, names := range map[string][]string{
		"": nil, "A": {"A"}, "A and B": {"A", "B"}, "A, B, C, D and E": {"A", "B", "C", "D", "E"}, "A, B, C, D and 2 others": {"A", "B", "C", "D", "E", "F"},
	} {
		if got := some(names); got != want {
			t.Errorf("%v is %q, want %q", names, got, want)
		}
	}
}

func TestMomentsAreInTheZone(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC) // half past one, in the night that summer time begins
	for at, want := range map[string]string{
		"2026-03-29T01:30:00Z": "today 03:30", "2026-03-28T22:59:00Z": "yesterday 23:59", "2026-03-29T22:00:00Z": "tomorrow 00:00",
		"2026-03-27T10:00:00Z": "Fri 27 Mar 11:00", "2025-12-31T23:30:00Z": "Thu 1 Jan 00:30", "2025-12-31T10:00:00Z": "Wed 31 Dec 2025 11:00",
	} {
		m, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(when(m, now, zone)); !strings.Contains(got, ">"+want+"<") || !strings.Contains(got, m.In(zone).Format(time.RFC3339)) {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
}

// A template that cannot be executed is an error, and never half a page.
func TestEveryPageHasATemplate(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		if pages[name] == nil || pages[name].Lookup("content") == nil {
			t.Errorf("%s has no content", name)
		}
	}
	p := Page{Title: "x", Body: RunPage{Run: store.Run{}}} // has no tenant
	if body, err := p.HTML(); err == nil || body != nil {
		t.Errorf("a page without what it needs is %q, %v", body, err)
	}
}
