package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// titled renders forms by the title of their questionnaire.
type titled struct{ plain }

func (r titled) Render(ref dossier.Ref, c dossier.Content, look store.Lookup) (store.Rendered, error) {
	f, ok := c.(*dossier.Form)
	if !ok {
		return r.plain.Render(ref, c, look)
	}
	out := store.Rendered{Part: dossier.PartForms, At: f.At.Time}
	var err error
	if out.Model, err = json.Marshal(f); err != nil {
		return out, err
	}
	var q dossier.Questionnaire
	for _, def := range f.Definitions() {
		if s := look.Shown(def); s != nil && q.Title == "" {
			err = json.Unmarshal(s.Model, &q)
		}
	}
	out.Card = fmt.Appendf(nil, `{"title": %q}`, q.Title)
	return out, err
}

func (titled) Restore(s store.Shown) (dossier.Content, error) {
	f := new(dossier.Form)
	return f, json.Unmarshal(s.Model, f)
}

func version(n, minute int) dossier.Item {
	q := &dossier.Questionnaire{URL: "u", Version: fmt.Sprint(n), Title: fmt.Sprint("versie ", n)}
	return dossier.Item{Ref: dossier.Ref{Type: "Questionnaire", ID: fmt.Sprint("q", n)}, Stream: dossier.StreamQuestionnaires,
		State: dossier.StateShown, Version: fmt.Sprint(minute), Updated: at(minute), Hash: hash(q.Title), Content: q}
}

// A form that names a questionnaire without a version gets the labels of the shown version that
// the source updated last.
func TestFormWithoutVersionHasLatestLabels(t *testing.T) {
	t.Parallel()
	forms := store.TypeID{Stream: dossier.StreamForms, Type: "QuestionnaireResponse"}
	for _, tc := range []struct {
		name  string
		items []dossier.Item
		want  string
	}{
		{"in order", []dossier.Item{version(1, 1), version(2, 2)}, "versie 2"},
		{"the later one first", []dossier.Item{version(2, 2), version(1, 1)}, "versie 2"},
		{"the last is hidden", []dossier.Item{version(1, 1), version(2, 2), hidden(version(2, 3), dossier.HiddenMarked)}, "versie 1"},
		{"the last is hidden, and shown again", []dossier.Item{version(1, 1), version(2, 2), hidden(version(2, 3), dossier.HiddenStatus), version(2, 4)}, "versie 2"},
		{"the first is written again, and says the same", []dossier.Item{version(1, 1), version(2, 2), version(1, 3)}, "versie 1"},
		{"both are hidden", []dossier.Item{version(1, 1), version(2, 2), hidden(version(2, 3), dossier.HiddenMarked), hidden(version(1, 3), dossier.HiddenMarked)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t), questionnaires, forms)
			apply := func(id store.TypeID, items ...dossier.Item) {
				t.Helper()
				if _, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: id, Items: items}, titled{}); err != nil {
					t.Fatal(err)
				}
			}
			apply(patients, patient("a", 0))
			apply(forms, dossier.Item{Ref: dossier.Ref{Type: "QuestionnaireResponse", ID: "f"}, Stream: dossier.StreamForms, Client: "a",
				State: dossier.StateShown, Updated: at(1), Content: &dossier.Form{Canonical: "u", At: dossier.Moment{Time: at(0)}}})
			for _, it := range tc.items {
				apply(questionnaires, it)
			}
			for n := 1; n > 0; {
				var err error
				if n, err = r.Rerender(t.Context(), r.claim, titled{}, 10); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.one(`SELECT card->>'title' FROM items WHERE id = 'f'`); got != tc.want {
				t.Errorf("the form is called %q, want %q", got, tc.want)
			}
		})
	}
}
