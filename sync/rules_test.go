package sync_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"dossiersync/store"
	"dossiersync/sync/fhir"
)

// recheckingTypes returns the types whose items are withheld until all are read again.
func (h *harness) recheckingTypes() map[string]bool {
	cursors, err := h.Cursors(h.t.Context(), tenant)
	if err != nil {
		h.t.Error(err)
	}
	out := make(map[string]bool)
	for id, c := range cursors {
		if c.Rechecking {
			out[id.Type] = true
		}
	}
	return out
}

func TestNewHideRuleWithholdsUntilReread(t *testing.T) {
	t.Parallel()
	var h *harness
	var mu sync.Mutex
	var during map[string]bool // the types withheld at the first request for reports
	h = newSimHarness(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/Observation") && h != nil {
				mu.Lock()
				if during == nil {
					during = h.recheckingTypes()
				}
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	h.fill(4, 0.1)
	before := totals(h.sync(store.Scope{}))
	mu.Lock()
	if len(during) > 0 {
		t.Errorf("withheld in a first sync: %v", during)
	}
	during = nil
	mu.Unlock()

	tag := fhir.Code{System: "https://ecd.example/kind", Code: "zorgleefplan"}
	h.tenant.Source = fhirAt(t, h.base, fhir.Mapping{Hide: []fhir.Rule{{Match: fhir.Match{Tag: tag}}}})
	h.restart()
	after := totals(h.sync(store.Scope{}))
	mu.Lock()
	defer mu.Unlock()
	// The types that are read before reports have been read again by then.
	if !during["Observation"] || !during["DocumentReference"] || during["Patient"] {
		t.Errorf("withheld while reports were read: %v", during)
	}
	if got := h.recheckingTypes(); len(got) != 0 {
		t.Errorf("still withheld: %v", got)
	}
	if after.Hidden <= before.Hidden {
		t.Errorf("%d hidden before the rule, %d after", before.Hidden, after.Hidden)
	}
}
