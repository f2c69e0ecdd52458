package store_test

import (
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Whatever changes what a dossier shows gives it a change number that it never had. A standby's content
// is taken for the primary's by this number.
func TestChangeNumberTellsContentApart(t *testing.T) {
	t.Parallel()
	r := newWithholdHarness(t)
	member1 := dossier.Key(tenant, dossier.Ref{Type: "Practitioner", ID: "p1"})
	release := func(item string) func() {
		return func() {
			w := store.Withholding{Tenant: tenant, Item: item, By: "Anna", Note: "opgelost"}
			if _, err := r.Release(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	}
	rerender := func() {
		if _, err := r.Rerender(t.Context(), r.claim, plain{}, 100); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name    string
		do      func()
		changes bool
	}{
		{"a new report", func() { r.apply(reports, report("3", "a", "drie", 2)) }, true},
		{"a newer version", func() { r.apply(reports, report("3", "a", "anders", 3)) }, true},
		{"a withheld report", func() { r.withhold(store.Withholding{Item: keyOf("3")}) }, true},
		{"the report released", release(keyOf("3")), true},
		{"an author renamed", func() {
			r.apply(staff, member("p1", "S. Bakker-Smit", 4))
			rerender()
		}, true},
		{"an author withheld", func() { r.withhold(store.Withholding{Item: member1}) }, true},
		{"rendered without the author", r.rerenderWithheld, true},
		{"the author released", release(member1), false},
		{"rendered with the author", rerender, true},
		{"a report that is marked", func() {
			r.apply(reports, hidden(report("3", "a", "anders", 5), dossier.HiddenMarked))
		}, true},
		{"the client withheld", func() { r.withhold(store.Withholding{Client: "a"}) }, true},
		{"the client released", func() {
			w := store.Withholding{Tenant: tenant, Client: "a", By: "Anna", Note: "opgelost"}
			if _, err := r.Release(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"erased", func() {
			if _, err := r.Erase(t.Context(), tenant, "a", "beheer"); err != nil {
				t.Fatal(err)
			}
		}, true},
	}
	first, last := r.shown()
	contents := map[int64]string{first: last}
	for _, s := range steps {
		s.do()
		change, content := r.shown()
		if was, known := contents[change]; known && change != 0 && was != content {
			t.Errorf("%s: change number %d had other content:\n%s\n%s", s.name, change, was, content)
		}
		if (content != last) != s.changes {
			t.Errorf("%s: the content is %s, and was %s", s.name, content, last)
		}
		contents[change], last = content, content
	}
}

// shown returns the change number and the cards of the dossier as its reader sees it; 0: none.
func (r *harness) shown() (change int64, cards string) {
	r.t.Helper()
	id := store.Identity{Tenant: tenant, User: "daughter"}
	q := store.ListQuery{Kinds: []dossier.Kind{dossier.KindReport}, Limit: 9, Bodies: true}
	list, err := r.Reader.List(r.t.Context(), id, "a", q)
	if err != nil {
		r.t.Fatal(err)
	}
	if list.Standing.Dossier == nil {
		return 0, "none"
	}
	for _, it := range list.Items {
		cards += string(it.Card) + string(it.Body) + "\n"
	}
	return list.Standing.Dossier.Change, cards
}
