package store_test

import (
	"errors"
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// newWithholdHarness has a client with two reports by one member of staff, and a reader.
func newWithholdHarness(t *testing.T) *harness {
	t.Helper()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(staff, member("p1", "S. Bakker", 0))
	r.apply(reports, report("1", "a", "een", 1), report("2", "a", "twee", 1))
	r.putGrant("daughter", "accepted", "", "", "")
	return r
}

func member(id, name string, minute int) dossier.Item {
	return dossier.Item{Ref: dossier.Ref{Type: "Practitioner", ID: id}, Stream: dossier.StreamStaff, State: dossier.StateShown,
		Updated: at(minute), Hash: hash(name), Content: &dossier.Staff{Name: name}}
}

func (r *harness) withhold(w store.Withholding) {
	r.t.Helper()
	w.Tenant, w.By, w.Note = tenant, "Anna de Vries", "datalek"
	if _, _, err := r.Withhold(r.t.Context(), w); err != nil {
		r.t.Fatal(err)
	}
}

// wantReports checks the cards that the reader sees.
func (r *harness) wantReports(when string, want ...string) {
	r.t.Helper()
	id := store.Identity{Tenant: tenant, User: "daughter"}
	list, err := r.Reader.List(r.t.Context(), id, "a", store.ListQuery{Kinds: []dossier.Kind{dossier.KindReport}, Limit: 9})
	if err != nil {
		r.t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, it := range list.Items {
		got[string(it.Card)] = true
	}
	for _, card := range want {
		if !got[card] {
			r.t.Errorf("%s: the reader does not see %s", when, card)
		}
	}
	if len(list.Items) != len(want) {
		r.t.Errorf("%s: the reader sees %v", when, got)
	}
}

const (
	cardOne     = `{"author":"S. Bakker","text":"een"}`
	cardTwo     = `{"author":"S. Bakker","text":"twee"}`
	cardOneBare = `{"author":"","text":"een"}`
	cardTwoBare = `{"author":"","text":"twee"}`
)

// Neither a newer version, nor a new epoch, nor a removal and a return show a withheld item.
func TestWithheldItemStaysOutWhateverTheSourceSays(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	r.withhold(store.Withholding{Item: keyOf("1")})
	r.withhold(store.Withholding{Item: keyOf("3")}) // not stored yet
	r.wantReports("at once", cardTwo)
	r.apply(reports, report("1", "a", "anders", 2), report("3", "a", "drie", 2))
	r.wantReports("after a new version", cardTwo)
	r.exec(`UPDATE tenants SET epoch = epoch + 1`)
	r.apply(reports, report("1", "a", "een", 0))
	r.wantReports("in a new epoch", cardTwo)
	gone := hidden(report("1", "a", "een", 3), dossier.HiddenMarked)
	r.apply(reports, gone)
	r.apply(reports, report("1", "a", "terug", 4))
	r.wantReports("when it comes back", cardTwo)
	if _, err := r.Erase(t.Context(), tenant, "b", "beheer"); err != nil {
		t.Fatal(err)
	}
	r.wantReports("after an erasure of another client", cardTwo)
	list, err := r.Withheld(t.Context(), tenant)
	if err != nil || len(list) != 2 || list[0].By != "Anna de Vries" || list[0].Note != "datalek" {
		t.Errorf("withheld are %+v, %v", list, err)
	}
	if got := r.one(`SELECT what || ' ' || object || ' ' || reason FROM decisions ORDER BY at LIMIT 1`); got != "withhold item/"+keyOf("1")+" datalek" {
		t.Errorf("recorded is %q", got)
	}
	if _, err := r.Erase(t.Context(), tenant, "a", "beheer"); err != nil {
		t.Fatal(err)
	}
	if n := r.one(`SELECT count(*)::text FROM withheld WHERE item = $1`, keyOf("1")); n != "0" {
		t.Error("the erased client's item is still among the withheld")
	}
}

// The words of a withheld item leave the items that show them: at once with these items, which come
// back without the words as soon as they are rendered again.
func TestWordsOfAWithheldItemLeaveOtherItems(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	key := dossier.Key(tenant, dossier.Ref{Type: "Practitioner", ID: "p1"})
	before := r.one(`SELECT change::text FROM clients WHERE id = 'a'`)
	r.withhold(store.Withholding{Item: key})
	r.wantReports("before they are rendered again")
	if got := r.one(`SELECT change::text FROM clients WHERE id = 'a'`); got == before {
		t.Error("the change number stays, which keeps a 304 alive")
	}
	r.rerenderWithheld()
	r.wantReports("rendered again", cardOneBare, cardTwoBare)
	r.apply(reports, report("3", "a", "drie", 2))
	r.apply(staff, member("p1", "S. Bakker-Smit", 2))
	r.rerenderWithheld()
	r.wantReports("after a change of the withheld item", cardOneBare, cardTwoBare, `{"author":"","text":"drie"}`)
	if _, err := r.Release(t.Context(), store.Withholding{Tenant: tenant, Item: key, By: "Anna", Note: "opgelost"}); err != nil {
		t.Fatal(err)
	}
	r.rerenderWithheld()
	r.wantReports("released", `{"author":"S. Bakker-Smit","text":"een"}`, `{"author":"S. Bakker-Smit","text":"twee"}`,
		`{"author":"S. Bakker-Smit","text":"drie"}`)
}

func (r *harness) rerenderWithheld() {
	r.t.Helper()
	for range 10 {
		n, err := r.RerenderWithheld(r.t.Context(), tenant, plain{}, 10)
		if err != nil {
			r.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	r.t.Fatal("rendering again does not end")
}

// A withholding that is repeated, or released twice, changes nothing.
func TestWithholdingIsRepeatable(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	ctx := t.Context()
	w := store.Withholding{Tenant: tenant, Client: "a", By: "Anna", Note: "een"}
	first, created, err := r.Withhold(ctx, w)
	if err != nil || !created {
		t.Fatalf("%t, %v", created, err)
	}
	w.Note = "twee"
	again, created, err := r.Withhold(ctx, w)
	if err != nil || created || again.ID != first.ID || again.Note != "een" {
		t.Errorf("again: %+v, %t, %v", again, created, err)
	}
	if _, err := r.Release(ctx, w); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Release(ctx, w); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("released twice: %v", err)
	}
	r.wantReports("released", cardOne, cardTwo)
	list, err := r.Withholdings(ctx, tenant)
	if err != nil || len(list) != 1 || list[0].Released == nil || *list[0].ReleasedNote != "twee" {
		t.Errorf("the history is %+v, %v", list, err)
	}
}

// Withholding does not wait for a batch that is being stored. Words that this batch stores leave
// readers as soon as it has ended.
func TestWithholdingDoesNotWaitForABatch(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	batch, err := r.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = batch.Rollback(t.Context()) }()
	key := dossier.Key(tenant, dossier.Ref{Type: "Practitioner", ID: "p2"})
	for _, sql := range []string{
		`SELECT FROM runs WHERE state = 'running' FOR UPDATE`,
		`UPDATE items SET card = '{"author":"J. Smit","text":"een"}' WHERE id = '1'`,
		`INSERT INTO refs (tenant, target, key) VALUES ('amaris', '` + key + `', '` + keyOf("1") + `')`,
	} {
		if _, err := batch.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	r.withhold(store.Withholding{Item: keyOf("2")})
	r.withhold(store.Withholding{Item: key})
	r.wantReports("at once", cardOne)
	ended := make(chan error, 1)
	go func() { ended <- r.MarkWithin(t.Context(), store.Withholding{Tenant: tenant, Item: key}) }()
	if err := batch.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r.wantReports("after the batch")
}

// An item that cannot be rendered again without the words of a withheld one is hidden, and read
// again by its id.
func TestItemThatCannotBeRenderedWithoutTheWordsIsHidden(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	r.exec(`UPDATE items SET model = '[]' WHERE id = '1'`)
	r.withhold(store.Withholding{Item: dossier.Key(tenant, dossier.Ref{Type: "Practitioner", ID: "p1"})})
	r.rerenderWithheld()
	r.wantReports("rendered again", cardTwoBare)
	if got := r.one(`SELECT state || ' ' || reason FROM items WHERE id = '1'`); got != "hidden quarantined" {
		t.Errorf("the item is %s", got)
	}
	if n := r.one(`SELECT count(*)::text FROM quarantine`); n != "1" {
		t.Errorf("%s items are in quarantine", n)
	}
}
