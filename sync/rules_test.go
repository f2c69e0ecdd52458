package sync_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"dossiersync/store"
	"dossiersync/sync/fhir"
)

// rechecking lists the types whose items are withheld until all are read again.
func (b *bench) rechecking() map[string]bool {
	cursors, err := b.Cursors(b.t.Context(), tenant)
	if err != nil {
		b.t.Error(err)
	}
	out := make(map[string]bool)
	for id, c := range cursors {
		if c.Rechecking {
			out[id.Type] = true
		}
	}
	return out
}

func TestNewHideRuleWithholdsUntilAllIsReadAgain(t *testing.T) {
	t.Parallel()
	var b *bench
	var mu sync.Mutex
	var during map[string]bool // what was withheld when the first reports were asked for
	b = newBench(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/Observation") && b != nil {
				mu.Lock()
				if during == nil {
					during = b.rechecking()
				}
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	b.fill(4, 0.1)
	before := totals(b.sync(store.Scope{}))
	mu.Lock()
	if len(during) > 0 {
		t.Errorf("withheld in a first sync: %v", during)
	}
	during = nil
	mu.Unlock()

	tag := fhir.Code{System: "https://ecd.example/kind", Code: "zorgleefplan"}
	b.tenant.Source = fhirAt(t, b.base, fhir.Mapping{Hide: []fhir.Rule{{Match: fhir.Match{Tag: tag}}}})
	b.restart()
	after := totals(b.sync(store.Scope{}))
	mu.Lock()
	defer mu.Unlock()
	// What is read before reports has been read again by then.
	if !during["Observation"] || !during["DocumentReference"] || during["Patient"] {
		t.Errorf("withheld while reports were read: %v", during)
	}
	if got := b.rechecking(); len(got) != 0 {
		t.Errorf("still withheld: %v", got)
	}
	if after.Hidden <= before.Hidden {
		t.Errorf("%d hidden before the rule, %d after", before.Hidden, after.Hidden)
	}
}
