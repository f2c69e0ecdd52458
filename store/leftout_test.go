package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// leavingOut is a report that leaves out the places.
func leavingOut(id, text string, minute int, places ...string) dossier.Item {
	it := report(id, "a", text, minute)
	for _, p := range places {
		it.LeftOut = append(it.LeftOut, dossier.LeftOut{Place: p, Kind: dossier.LeftOutUnread, Length: 7})
	}
	return it
}

const (
	acceptedPlace = "Observation.category"
	newPlace      = "Observation.bodySite"
)

func (r *harness) wantLeftOut(want ...store.PlaceCount) {
	r.t.Helper()
	got, err := r.RunLeftOut(r.t.Context(), r.claim.Run.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := range got {
		got[i].Accepted = strings.Repeat("yes", min(len(got[i].Accepted), 1))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Error(diff)
	}
}

// A run counts each item once by place, however often it comes.
func TestRunCountsLeftOutPlaces(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	for range 2 {
		r.apply(reports, leavingOut("1", "een", 1, acceptedPlace, newPlace), leavingOut("2", "twee", 1, acceptedPlace),
			hidden(leavingOut("3", "drie", 1, newPlace), dossier.HiddenMarked))
	}
	r.wantLeftOut(store.PlaceCount{Place: acceptedPlace, Kind: "unread", Items: 2, Accepted: "yes"},
		store.PlaceCount{Place: newPlace, Kind: "unread", Items: 1})
	run, err := r.Run(t.Context(), r.claim.Run.ID)
	if err != nil || len(run.LeftOut) != 2 {
		t.Errorf("%v %v", run.LeftOut, err)
	}
	left := r.why("a", "").LeftOut
	if len(left) != 1 || left[0].Place != newPlace || left[0].Items != 1 || !cmp.Equal(left[0].Newest, []string{"Observation/1"}) {
		t.Errorf("why: got %+v", left)
	}
	// A later version that is read in full leaves no row.
	r.apply(reports, leavingOut("1", "een, en alles gelezen", 2))
	if left := r.why("a", "").LeftOut; len(left) != 0 {
		t.Errorf("why: got %+v", left)
	}
}

// Of a sampled item every place is stored, and the words that the rendered item lacks are counted, never
// kept.
func TestSampledItemIsComparedByWords(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	it := leavingOut("1", "Goed geslapen.", 1, acceptedPlace)
	it.Words = []dossier.SourceWords{{Place: "Observation.valueString", Text: "GOED geslapen, 37,5"},
		{Place: "Observation.note.text", Text: "Dochter belde goed"}}
	r.apply(reports, it)
	got := r.one(`SELECT string_agg(place || ' ' || kind || ' ' || length, ', ' ORDER BY place) FROM left_out`)
	if want := "Observation.category unread 7, Observation.note.text words 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	key := r.one(`SELECT key FROM items WHERE id = '1'`)
	item, err := r.ItemStanding(t.Context(), tenant, key, "beheerder")
	if err != nil || item.ID != "1" || len(item.LeftOut) != 2 {
		t.Errorf("%+v %v", item, err)
	}
	if got := r.one(`SELECT user_id || ' ' || client || ' ' || object FROM access_log WHERE event = 'explain'`); got != "beheerder a "+key {
		t.Errorf("logged: %s", got)
	}
}

// Only places that nobody has looked at, and accepted ones that have doubled, ask for attention.
func TestNewAndDoubledPlacesAskForAttention(t *testing.T) {
	t.Parallel()
	replica := storetest.NewReplica(t)
	news := func() (got []string) {
		t.Helper()
		list, err := replica.LeftOutNew(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			word := " new"
			if n.Doubled {
				word = " doubled"
			}
			got = append(got, n.Place+word)
		}
		return got
	}
	many := func(r *harness, all, with, minute int, place string) {
		var items []dossier.Item
		for i := range all {
			it := leavingOut(string(rune('a'+i/26))+string(rune('a'+i%26)), "tekst", minute)
			if i < with {
				it = leavingOut(it.ID, "tekst", minute, place)
			}
			items = append(items, it)
		}
		r.apply(reports, items...)
		r.finish()
	}
	first := newHarness(t, replica)
	first.apply(patients, patient("a", 0))
	many(first, 100, 20, 1, acceptedPlace)
	if got := news(); got != nil {
		t.Errorf("accepted: got %v", got)
	}
	many(newHarness(t, replica), 100, 39, 2, acceptedPlace)
	if got := news(); got != nil {
		t.Errorf("not doubled: got %v", got)
	}
	many(newHarness(t, replica), 100, 90, 3, acceptedPlace)
	if got := news(); !cmp.Equal(got, []string{acceptedPlace + " doubled"}) {
		t.Errorf("doubled: got %v", got)
	}
	many(newHarness(t, replica), 100, 90, 4, acceptedPlace)
	if got := news(); got != nil {
		t.Errorf("as the run before: got %v", got)
	}
	many(newHarness(t, replica), 100, 1, 5, newPlace)
	if got := news(); !cmp.Equal(got, []string{newPlace + " new"}) {
		t.Errorf("new: got %v", got)
	}
	many(newHarness(t, replica), 3, 3, 6, acceptedPlace)
	if got := news(); !cmp.Equal(got, []string{newPlace + " new"}) {
		t.Errorf("an increment with few records: got %v", got)
	}
}
