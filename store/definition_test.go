package store_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

// titled renders forms by the title of their questionnaire.
type titled struct{ plain }

func (r titled) Render(ref store.Ref, c store.Content, look store.Lookup) (store.Rendered, error) {
	f, ok := c.(*store.Form)
	if !ok {
		return r.plain.Render(ref, c, look)
	}
	out := store.Rendered{Part: store.PartForms, At: f.At.Time}
	var err error
	if out.Model, err = json.Marshal(f); err != nil {
		return out, err
	}
	var q store.Questionnaire
	for _, def := range f.Definitions() {
		if s := look.Shown(def); s != nil && q.Title == "" {
			err = json.Unmarshal(s.Model, &q)
		}
	}
	out.Card = fmt.Appendf(nil, `{"title": %q}`, q.Title)
	return out, err
}

func (titled) Restore(s store.Shown) (store.Content, error) {
	f := new(store.Form)
	return f, json.Unmarshal(s.Model, f)
}

func version(n, minute int) store.Item {
	q := &store.Questionnaire{URL: "u", Version: fmt.Sprint(n), Title: fmt.Sprint("versie ", n)}
	return store.Item{Ref: store.Ref{Type: "Questionnaire", ID: fmt.Sprint("q", n)}, Stream: store.StreamQuestionnaires,
		State: store.StateShown, Version: fmt.Sprint(minute), Updated: at(minute), Hash: hash(q.Title), Content: q}
}

// A form may name a questionnaire without its version: then the words are those of
// the one that the source updated last, of those that are shown.
func TestFormWithoutVersionHasTheWordsOfTheLastQuestionnaire(t *testing.T) {
	t.Parallel()
	forms := store.TypeID{Stream: store.StreamForms, Type: "QuestionnaireResponse"}
	for _, tc := range []struct {
		name  string
		items []store.Item
		want  string
	}{
		{"in order", []store.Item{version(1, 1), version(2, 2)}, "versie 2"},
		{"the later one first", []store.Item{version(2, 2), version(1, 1)}, "versie 2"},
		{"the last is hidden", []store.Item{version(1, 1), version(2, 2), hidden(version(2, 3), store.HiddenMarked)}, "versie 1"},
		{"the last is hidden, and shown again", []store.Item{version(1, 1), version(2, 2), hidden(version(2, 3), store.HiddenMarked), version(2, 4)}, "versie 2"},
		{"the first is written again, and says the same", []store.Item{version(1, 1), version(2, 2), version(1, 3)}, "versie 1"},
		{"both are hidden", []store.Item{version(1, 1), version(2, 2), hidden(version(2, 3), store.HiddenMarked), hidden(version(1, 3), store.HiddenMarked)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, storetest.NewReplica(t), questionnaires, forms)
			apply := func(id store.TypeID, items ...store.Item) {
				t.Helper()
				if _, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: id, Items: items}, titled{}); err != nil {
					t.Fatal(err)
				}
			}
			apply(patients, patient("a", 0))
			apply(forms, store.Item{Ref: store.Ref{Type: "QuestionnaireResponse", ID: "f"}, Stream: store.StreamForms, Client: "a",
				State: store.StateShown, Updated: at(1), Content: &store.Form{Canonical: "u", At: store.Moment{Time: at(0)}}})
			for _, it := range tc.items {
				apply(questionnaires, it)
			}
			for n := 1; n > 0; {
				var err error
				if n, err = r.RenderStale(t.Context(), r.claim, titled{}, 10); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.one(`SELECT card->>'title' FROM items WHERE id = 'f'`); got != tc.want {
				t.Errorf("the form is called %q, want %q", got, tc.want)
			}
		})
	}
}
