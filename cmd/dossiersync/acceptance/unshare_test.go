package acceptance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
)

// storedRows returns everything stored for readers, one line per row.
func (h *seededHarness) storedRows() []string {
	h.t.Helper()
	const q = `
		SELECT concat_ws(' ', type, id, state, reason, client, at, category, open, ends, plan, goal, card, body, model)
		FROM items WHERE tenant = 'amaris'
		UNION ALL SELECT concat_ws(' ', 'definition', alias, model) FROM definitions
		UNION ALL SELECT concat_ws(' ', 'contact', id, client, active, ends) FROM contacts
		UNION ALL SELECT concat_ws(' ', 'reference', target, key) FROM refs
		UNION ALL SELECT concat_ws(' ', 'cursor', stream, type, as_of IS NULL) FROM cursors
		ORDER BY 1`
	return h.query(q)
}

// Types that an organisation no longer shares are removed, and come back when it shares
// them again.
func TestUnsharedTypesAreRemovedAndComeBack(t *testing.T) {
	t.Parallel()
	h := newSeededHarness(t, 3, newClock(time.Now()), simulator.Options{},
		sourceSize{clients: 5, years: 0.3, cases: func(int) bool { return false }})
	h.clock.add(time.Minute)
	h.mustUpdate("sync")
	before := h.storedRows()

	h.changeConfig(`search: \{\}`, "search: {forms: [], contacts: [], goals: [], staff: []}")
	h.clock.add(time.Minute)
	h.mustUpdate("sync")
	h.wantNotStored(h.textsOnlyIn("QuestionnaireResponse", "RelatedPerson", "Goal"))
	h.serve(app.Portal)
	client := h.clientIDs()[0]
	reader := h.grantAll(client)
	var list struct {
		Items     []json.RawMessage
		Freshness struct{ Reason string }
	}
	if err := (portalReader{h.harness, reader}).fetch("/v1/dossiers/"+client+"/forms", &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) > 0 || list.Freshness.Reason != "not-shared" {
		t.Errorf("forms are %s, and empty because of %q", list.Items, list.Freshness.Reason)
	}

	h.changeConfig(`search: \{.*\}`, "search: {}")
	h.clock.add(time.Minute)
	h.mustUpdate("sync")
	if diff := cmp.Diff(before, h.storedRows()); diff != "" {
		t.Errorf("after sharing again, the replica differs (-before +after):\n%s", diff)
	}
}

// textsOnlyIn returns texts that occur in resources of these types and in no other.
func (h *seededHarness) textsOnlyIn(types ...string) []string {
	h.t.Helper()
	var others strings.Builder
	said := make(map[string]bool)
	for name, raw := range h.sim.Resources() {
		typ, _, _ := strings.Cut(name, "/")
		if !slices.Contains(types, typ) {
			others.Write(raw)
			continue
		}
		for _, text := range textsOf(readResource(h.t, raw)) {
			said[text] = said[text] || len(text) > 10
		}
	}
	var all []string
	for text, counts := range said {
		if counts && !strings.Contains(others.String(), text) {
			all = append(all, text)
		}
	}
	if len(all) < 10 {
		h.t.Fatalf("there are only %d texts to remove", len(all))
	}
	return all
}

// textsOf returns the answers of a form, the telecom of a contact, or the description of a
// goal.
func textsOf(x resource) []string {
	var all []string
	switch x.text("resourceType") {
	case "RelatedPerson":
		all = []string{x.text("telecom", "value")}
	case "Goal":
		all = []string{x.text("description", "text")}
	case "QuestionnaireResponse":
		f := formFiller{answers: make(map[string][]resource)}
		f.collectAnswers(x)
		for _, answers := range f.answers {
			for _, a := range answers {
				all = append(all, a.text("valueString"))
			}
		}
	}
	return all
}

// wantNotStored fails the test if one of the texts is stored.
func (h *seededHarness) wantNotStored(texts []string) {
	h.t.Helper()
	for _, line := range h.storedRows() {
		for _, text := range texts {
			if strings.Contains(line, text) {
				h.t.Errorf("%q is still stored: %s", text, line)
			}
		}
	}
}
