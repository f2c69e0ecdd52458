// Package behaviours has presets named after known servers, so that a client can be tested
// against the behaviour of each.
//
// A preset is not a copy of a product: it has the differences that a client that reads by
// time stumbles over. The rest is the simulator's own behaviour.
package behaviours

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

// Preset is a behaviour with a name.
type Preset struct {
	Name  string
	About string // one line

	MaxCount  int // for simulator.Options; 0: unchanged
	Behaviour simulator.Behaviour
	Rules     []faults.Rule // faults of such a server
}

// All returns the presets in the order of the README.
func All() []Preset {
	return []Preset{
		{
			Name:  "honest",
			About: "the simulator itself: pages show one moment, and parameters are honoured or refused",
		},
		{
			Name:  "hapi",
			About: "pages by offset over data that moves, ties in another order each time, answers cached for 60 s, pages gone after an hour",
			Behaviour: simulator.Behaviour{
				Paging: simulator.Stored, UnstableTies: true, SearchCache: time.Minute, PageLife: time.Hour,
			},
		},
		{
			Name:     "medplum",
			About:    "_count up to 1000, offsets up to 10,000, a cursor when sorted by time, totals on request, unknown parameters and preferences refused, _deleted=true in place of a type's _history",
			MaxCount: 1000,
			Behaviour: simulator.Behaviour{
				Paging: simulator.Keyset, MaxOffset: 10_000, TotalOnRequest: true,
				RefusesUnknown: true, RefusesPreferences: true,
				NoTypeHistory: true, ListsDeleted: true, KeepsIdentical: true,
			},
		},
		{
			Name:     "medmij",
			About:    "searches for one patient only, no _lastUpdated, no _sort, no _history; parameters beyond the use case are ignored, strict or not",
			MaxCount: 100,
			Behaviour: simulator.Behaviour{
				NeedsPatient: true, NoHistory: true, IgnoresPreferences: true,
				IgnoredParameters: []string{"_lastUpdated", "_sort", "_elements", "_summary", "_total", "_tag",
					"_security"},
			},
		},
		{
			Name:  "linuxforhealth",
			About: "commit order is not time order: every third write becomes visible up to 100 s after its lastUpdated",
			Behaviour: simulator.Behaviour{
				Paging: simulator.Offset, LateCommits: 100 * time.Second,
			},
		},
		{
			Name:      "smart-bulk",
			About:     "every tenth request is a 429 without Retry-After, but with a RateLimit header; no totals",
			Behaviour: simulator.Behaviour{NoTotals: true, NoHistory: true},
			Rules: []faults.Rule{
				{
					Match: faults.Match{Every: 10},
					Fault: faults.Refuse(faults.Refusal{Status: 429, Header: faults.RateLimit(2)}),
				},
			},
		},
		{
			Name:     "unordered",
			About:    "pages by offset, in an order that changes with each request, and _sort is ignored; _count up to 100",
			MaxCount: 100,
			Behaviour: simulator.Behaviour{
				Paging: simulator.Offset, UnstableOrder: true, IgnoredParameters: []string{"_sort"},
			},
		},
		{
			Name:     "one-sided",
			About:    "_lastUpdated given twice is a 400; neither _history nor totals on request; _count up to 50, offsets; the self link repeats what was ignored",
			MaxCount: 50,
			Behaviour: simulator.Behaviour{
				Paging: simulator.Offset, OneInterval: true, NoHistory: true, EchoesSelf: true,
				IgnoredParameters: []string{"_sort", "_elements", "_summary", "_total"},
			},
		},
		{
			Name:     "azure",
			About:    "_count up to 1000; next links of 3 KB; empty pages between the others; an interval of _lastUpdated longer than a year is a 500",
			MaxCount: 1000,
			Behaviour: simulator.Behaviour{
				WideFails: 366 * 24 * time.Hour, LongLinks: 3000, EmptyPages: true,
			},
		},
		{
			Name:  "sloppy",
			About: "a byte-order mark before the JSON, an entry without a resource in each answer, a link relation in another case, totals that are 7 too high, references with a leading slash, deletions as versions that are gone, the oldest first",
			Behaviour: simulator.Behaviour{
				ByteOrderMark: true, OutcomeEntry: true, NextRelation: "Next", CountOff: 7,
				ReferencePrefix: "/", HistoryShowsGone: true, HistoryOldestFirst: true,
			},
		},
		{
			Name:  "plain",
			About: "the minimum of a server: no _history, no _sort, no _elements, no _summary, no totals",
			Behaviour: simulator.Behaviour{
				Paging: simulator.Offset, NoHistory: true, NoTotals: true,
				IgnoredParameters: []string{"_sort", "_elements", "_summary", "_total"},
			},
		},
	}
}

// Find returns the preset with that name. The error lists the names.
func Find(name string) (Preset, error) {
	all := All()
	if i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("%q is not one of %s", name, strings.Join(names, ", "))
}

// Apply sets the preset's behaviour in the options of a server.
func (p Preset) Apply(o *simulator.Options) {
	o.Behaviour = p.Behaviour
	if p.MaxCount > 0 {
		o.MaxCount = p.MaxCount
	}
}
