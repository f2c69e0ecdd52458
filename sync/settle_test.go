package sync

import (
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

func TestLimitsOfInference(t *testing.T) {
	t.Parallel()
	reports := limits{maxRemoved: 0.05, stream: dossier.StreamReports}
	clients := limits{maxRemoved: 0.05, stream: dossier.StreamClients}
	for _, test := range []struct {
		name    string
		limits  limits
		tally   store.Tally
		reveals bool
		want    store.HoldRule
	}{
		{"nothing is confirmed", reports, store.Tally{Shown: 100, Suspects: 50}, false, ""},
		{"a few of many", reports, store.Tally{Shown: 1000, Confirmed: 50}, false, ""},
		{"more than the share", reports, store.Tally{Shown: 1000, Confirmed: 51}, false, store.HeldDay},
		{"twenty of a small type", reports, store.Tally{Shown: 100, Confirmed: 20}, false, ""},
		{"twenty-one of a small type", reports, store.Tally{Shown: 100, Confirmed: 21}, false, store.HeldDay},
		{"the day's earlier removals count", reports, store.Tally{Shown: 90, LastDay: 10, LastWeek: 10, Confirmed: 11}, false, store.HeldDay},
		{"three times the limit in a week", reports, store.Tally{Shown: 1000, LastWeek: 140, Confirmed: 11}, false, store.HeldWeek},
		{"half of a type", reports, store.Tally{Shown: 10, Confirmed: 5}, false, store.HeldHalf},
		{"one of two", reports, store.Tally{Shown: 2, Confirmed: 1}, false, store.HeldHalf},
		{"the only one", reports, store.Tally{Shown: 1, Confirmed: 1}, false, ""},
		{"a client's whole part", reports, store.Tally{Shown: 1000, Confirmed: 5, EmptiesPart: true}, false, store.HeldPart},
		{"one client of few", clients, store.Tally{Shown: 12, Confirmed: 1}, false, ""},
		{"two clients of few", clients, store.Tally{Shown: 12, Confirmed: 2}, false, store.HeldDay},
		{"all clients of few", clients, store.Tally{Shown: 12, Confirmed: 12}, false, store.HeldHalf},
		{"three clients", clients, store.Tally{Shown: 40, Confirmed: 3}, false, ""},
		{"four clients", clients, store.Tally{Shown: 40, Confirmed: 4}, false, store.HeldDay},
		{"a share of many clients", clients, store.Tally{Shown: 1000, Confirmed: 50}, false, ""},
		{"two of many marks", reports, store.Tally{Shown: 100, Confirmed: 2}, true, ""},
		{"more marks than are believed", reports, store.Tally{Shown: 100, Confirmed: 21}, true, store.HeldReveals},
		{"one in a hundred of very many marks", reports, store.Tally{Shown: 10_000, Confirmed: 100}, true, ""},
		{"every mark", reports, store.Tally{Shown: 3, Confirmed: 3}, true, store.HeldEveryMark},
		{"both marks", reports, store.Tally{Shown: 2, Confirmed: 2}, true, ""},
	} {
		if got := test.limits.passed(test.tally, test.reveals); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
