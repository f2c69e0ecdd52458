package sync

import (
	"context"
	"errors"
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

func TestSearchesFindARecord(t *testing.T) {
	t.Parallel()
	whole := source.Type{Stream: dossier.StreamReports, Name: "Observation"}
	first := source.Type{Stream: dossier.StreamReports, Name: "Observation", Query: "code=a"}
	second := source.Type{Stream: dossier.StreamReports, Name: "Observation", Query: "code=b"}
	other := source.Type{Stream: dossier.StreamForms, Name: "QuestionnaireResponse"}
	absence := store.Absence{Stream: dossier.StreamReports, Ref: dossier.Ref{Type: "Observation", ID: "r"}, Client: "c"}
	pageOf := func(ids ...string) source.Page {
		var p source.Page
		for _, id := range ids {
			p.Items = append(p.Items, dossier.Item{Ref: dossier.Ref{Type: "Observation", ID: id}})
		}
		return p
	}
	refused := &source.Failure{Kind: source.Unsupported}
	down := &source.Failure{Kind: source.Unreachable}
	for _, tc := range []struct {
		name     string
		types    []source.Type
		byClient bool
		search   func(q source.Query) (source.Page, error)
		want     found
		err      error
	}{
		{"a search for the whole type", []source.Type{other, whole}, false, nil, foundBySome, nil},
		{"the second search finds it", []source.Type{first, second}, false, func(q source.Query) (source.Page, error) {
			if q.Type == second {
				return pageOf("r"), nil
			}
			return pageOf(), nil
		}, foundBySome, nil},
		{"no search finds it", []source.Type{first, second}, false, func(source.Query) (source.Page, error) {
			return pageOf(), nil
		}, foundByNone, nil},
		{"the source ignores the id", []source.Type{first}, false, func(source.Query) (source.Page, error) {
			return pageOf("x", "y"), nil
		}, foundUnclear, nil},
		{"a search is refused", []source.Type{first}, false, func(source.Query) (source.Page, error) {
			return source.Page{}, refused
		}, foundUnclear, nil},
		{"a search is refused without a client", []source.Type{first}, false, func(q source.Query) (source.Page, error) {
			if q.Client == "" {
				return source.Page{}, refused
			}
			return pageOf("r"), nil
		}, foundBySome, nil},
		{"a type known to need a client", []source.Type{first}, true, func(q source.Query) (source.Page, error) {
			if q.Client != "c" {
				t.Error("a search without the client")
			}
			return pageOf(), nil
		}, foundByNone, nil},
		{"the source is down", []source.Type{first}, false, func(source.Query) (source.Page, error) {
			return source.Page{}, down
		}, foundUnclear, down},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := searches{types: tc.types, byClient: map[store.TypeID]bool{typeID(first): tc.byClient},
				search: func(_ context.Context, q source.Query) (source.Page, error) { return tc.search(q) }}
			got, err := s.find(t.Context(), absence)
			if got != tc.want || !errors.Is(err, tc.err) {
				t.Errorf("found %d, %v; want %d, %v", got, err, tc.want, tc.err)
			}
		})
	}
}

// A batch that is applied again must get the same hashes.
func TestWithDigestKeepsTheOriginalHashes(t *testing.T) {
	t.Parallel()
	digest := dossier.IdentityHash("digest", "")
	items := []dossier.Item{{Hash: dossier.IdentityHash("a", "")}}
	first, second := withDigest(items, digest), withDigest(items, digest)
	if first[0].Hash != second[0].Hash || first[0].Hash == items[0].Hash {
		t.Errorf("hashes %x and %x of %x", first[0].Hash, second[0].Hash, items[0].Hash)
	}
}
