package fhir

import (
	"bytes"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// However a server behaves, everything that it holds of the types that are
// pulled comes through, once, and nothing is quarantined.
func TestEverythingComesThrough(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 3, 4, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name      string
		behaviour simulator.Behaviour
	}{
		{"honest", simulator.Behaviour{}},
		{"like Medplum", simulator.Behaviour{Paging: simulator.Keyset, MaxOffset: 10_000, TotalOnRequest: true, RefusesUnknown: true,
			RefusesPreferences: true, NoTypeHistory: true, ListsDeleted: true, KeepsIdentical: true}},
		{"like HAPI", simulator.Behaviour{Paging: simulator.Stored, SearchCache: time.Minute, PageLife: time.Hour}},
		{"empty pages, by offset", simulator.Behaviour{Paging: simulator.Offset, EmptyPages: true, EchoesSelf: true}},
		{"empty pages, by cursor", simulator.Behaviour{Paging: simulator.Keyset, EmptyPages: true, LongLinks: 3000}},
		{"behind a proxy", simulator.Behaviour{LinkBase: "http://intern:8080/r4"}},
		{"references with a slash", simulator.Behaviour{ReferencePrefix: "/"}},
		{"offsets", simulator.Behaviour{Paging: simulator.Offset, NoTotals: true}},
		{"knows no totals, elements or preferences", simulator.Behaviour{RefusesUnknown: true, RefusesPreferences: true,
			IgnoredParameters: []string{"_total", "_elements", "_summary"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := dossiers.Generate(dossiers.Options{Clients: 6, Years: 0.3, Seed: 7, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			server := simulator.New(simulator.Options{Zone: d.Zone(), Clock: func() time.Time { return now }, Behaviour: test.behaviour})
			if err := d.Fill(server); err != nil {
				t.Fatal(err)
			}
			web := httptest.NewServer(server)
			t.Cleanup(web.Close)
			s, _ := sourceAt(t, web.URL+server.BasePath(), func(o *Options) {
				o.PageSize, o.Aliases = 40, []*url.URL{mustURL("http://intern:8080/r4")}
			})
			description, err := s.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]int)
			for _, typ := range description.Types {
				for _, it := range all(t, s, source.Query{Type: typ, From: now.AddDate(-2, 0, 0), To: now.Add(time.Hour)}) {
					got[it.Type+"/"+it.ID]++
					// Some of its documents have a file that is not whole, or gone.
					broken := it.Type == "DocumentReference" && it.Reason == dossier.BadBody
					if it.State == dossier.StateQuarantined && !broken || it.Updated.IsZero() || it.Version == "" {
						t.Errorf("%s/%s: %s %s %s", it.Type, it.ID, it.State, it.Reason, it.Detail)
					}
				}
			}
			want := make(map[string]int)
			for name, body := range server.Resources() {
				kind, _, _ := strings.Cut(name, "/")
				if isPulled(kind, description.Types) && (kind != "Observation" || bytes.Contains(body, []byte(reportCode.Code))) {
					want[name] = 1
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || len(want) < 100 {
				t.Errorf("%d records\n%s", len(want), diff)
			}
		})
	}
}

// all follows q to its end.
func all(t testing.TB, s *Source, q source.Query) []dossier.Item {
	t.Helper()
	var items []dossier.Item
	for pages := 0; ; pages++ {
		p, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if p.Unfiltered {
			t.Errorf("%s: unfiltered", q.Type.Name)
		}
		items = append(items, p.Items...)
		if q.Next = p.Next; q.Next == "" || pages > 1000 {
			return items
		}
	}
}

func isPulled(kind string, types []source.Type) bool {
	for _, typ := range types {
		if typ.Name == kind {
			return true
		}
	}
	return false
}

// The envelope of a record and the record itself agree on whether it is shown,
// whose it is and which version.
func TestEnvelopesAgreeWithRecords(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 3, 4, 9, 0, 0, 0, time.UTC)
	d, err := dossiers.Generate(dossiers.Options{Clients: 6, Years: 0.3, Seed: 7, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	server := simulator.New(simulator.Options{Zone: d.Zone(), Clock: func() time.Time { return now }})
	if err := d.Fill(server); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	s, _ := sourceAt(t, web.URL+server.BasePath())
	marks := func(items []dossier.Item) map[string]string {
		m := make(map[string]string)
		for _, it := range items {
			if it.EnvelopeRead {
				it.State, it.Reason = dossier.StateShown, "" // as far as the envelope goes
			}
			m[it.Type+"/"+it.ID] = fmt.Sprint(it.Client, " ", it.Version, " ", it.State, " ", it.Reason)
		}
		return m
	}
	states := make(map[string]int)
	for _, typ := range s.types {
		full := all(t, s, source.Query{Type: typ})
		if diff := cmp.Diff(marks(full), marks(all(t, s, source.Query{Type: typ, Envelope: true}))); diff != "" {
			t.Errorf("%s: %s", typ.Name, diff)
		}
		if p, err := s.Search(t.Context(), source.Query{Type: typ, CountOnly: true}); err != nil || p.Total != len(full) {
			t.Errorf("%s: counted %d %v, have %d", typ.Name, p.Total, err, len(full))
		}
		for _, it := range full {
			states[fmt.Sprint(it.Type, " ", it.State, " ", it.Reason)]++
		}
	}
	for state := range maps.Keys(states) {
		t.Logf("%4d %s", states[state], state)
	}
}
