package ops_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"dossiersync/portalapi/ops"
	"dossiersync/store/dossier"
)

// The page of an item tells places and lengths, as the source has the item now or else as it is stored, and
// each look is in the access log.
func TestItemIsExplainedWithoutWords(t *testing.T) {
	t.Parallel()
	var answer ops.ItemReading
	var failure error
	s := newFilledHarness(t, func(o *ops.Options) {
		o.Explain = func(_ context.Context, tenant string, ref dossier.Ref) (ops.ItemReading, error) {
			if tenant != "szr" || ref != (dossier.Ref{Type: "Observation", ID: "o1"}) {
				return ops.ItemReading{}, errors.New("another item")
			}
			return answer, failure
		}
	})
	v := s.as("bob")
	for name, c := range map[string]struct {
		answer  ops.ItemReading
		failure error
		want    []string
	}{
		"from the source": {ops.ItemReading{Client: "1042", State: dossier.StateShown, Members: []dossier.Member{
			{Place: "Observation.method", Use: dossier.MemberLeftOut, Reason: "how something was measured", Values: 1, Length: 31}}}, nil,
			[]string{"In the source now", "Observation.method", "how something was measured", "31"}},
		"the source is away": {ops.ItemReading{}, errors.New("away"),
			[]string{"could not be read now", "Observation.bodySite", "22"}},
		"of another client": {ops.ItemReading{Client: "1043", Members: []dossier.Member{{Place: "Observation.secret"}}}, nil,
			[]string{"belongs to another client", "Observation.bodySite"}},
	} {
		answer, failure = c.answer, c.failure
		page := v.get("/tenants/szr/items/k1").Body.String()
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", name, want)
			}
		}
		if strings.Contains(page, "secret") || strings.Contains(page, marked) {
			t.Errorf("%s: the page shows what it must not", name)
		}
	}
	var logged int
	err := s.Pool().QueryRow(t.Context(), `SELECT count(*) FROM access_log
		WHERE event = 'explain' AND client = '1042' AND object = 'k1' AND user_id = 'bob'`).Scan(&logged)
	if err != nil || logged != 3 {
		t.Errorf("%d in the access log, %v", logged, err)
	}
	if why := v.post("/tenants/szr/why", map[string][]string{"client": {"1042"}}).Body.String(); !strings.Contains(why, `href="/tenants/szr/items/k1"`) {
		t.Error("why has no link to the item")
	}
}
