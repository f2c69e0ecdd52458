package portalapi_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is a time of today, on a whole second.
func noon() time.Time {
	now := time.Now().In(amsterdam)
	return time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, amsterdam)
}

func TestDossiersListsWhatUserMayOpen(t *testing.T) {
	t.Parallel()
	p := newHarness(t)
	p.markSynced("amaris", time.Now())
	p.client("amaris", "1", "Zwart")
	p.client("amaris", "2", "aarts")
	p.client("amaris", "3", "Niet van u")
	p.client("amaris", "4", "")
	p.client("szr", "1", "Van een ander huis")
	p.grant("amaris", "daughter", "1", []string{"care-plans", "reports"}, "role = 'client'")
	p.grant("amaris", "daughter", "2", nil, "manager = true")
	p.grant("amaris", "daughter", "4", everyPart)
	p.grant("amaris", "daughter", "5", everyPart) // not known yet
	p.grant("szr", "daughter", "1", everyPart)

	p.exec(`UPDATE clients SET sort_name = 'Aarts, Zoë', birth_date = '1938-04', team = 'De Vlieger' WHERE id = '1'`)
	got := p.get("daughter", "/v1/dossiers").list(t).Items
	head := func(client string, name any, role string, manager bool, more map[string]any) map[string]any {
		of := map[string]any{"client": client, "name": name, "role": role, "manager": manager, "roleLabel": "de " + role,
			"sortName": nil, "birthDate": nil, "team": nil}
		maps.Copy(of, more)
		return of
	}
	want := []map[string]any{
		head("4", nil, "contact", false, map[string]any{"parts": []any{"reports", "forms", "care-plans"},
			"partLabels": map[string]any{"reports": "Rapportages", "forms": "forms", "care-plans": "care-plans"}}),
		head("2", "aarts", "contact", true, map[string]any{"parts": []any{}, "partLabels": map[string]any{}}),
		head("1", "Zwart", "client", true, map[string]any{"parts": []any{"reports", "care-plans"},
			"partLabels": map[string]any{"reports": "Rapportages", "care-plans": "care-plans"},
			"sortName":   "Aarts, Zoë", "birthDate": "1938-04", "team": "De Vlieger"}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dossiers (-want +got):\n%s", diff)
	}
}

func TestStartPanel(t *testing.T) {
	t.Parallel()
	p := newHarness(t)
	p.markSynced("amaris", time.Now())
	p.client("amaris", "1", "Mevrouw De Vries")
	p.grant("amaris", "daughter", "1", []string{"reports", "care-plans"}, "name = 'P. de Vries'")
	p.items(report("1", "a", noon()), report("1", "b", noon().Add(-time.Hour)), form("1", "f", noon()))

	a := p.get("daughter", "/v1/dossiers/1")
	got, _ := a.item(t)
	want := map[string]any{
		"client": "1", "name": "Mevrouw De Vries", "role": "contact", "roleLabel": "de contact", "manager": false,
		"sortName": nil, "birthDate": nil, "team": nil,
		"organisation": "Amaris", "timezone": "Europe/Amsterdam",
		"labels": map[string]any{"reports": "Rapportages"}, "timeline": []any{"report", "form"},
		"parts": []any{
			map[string]any{"part": "reports", "label": "Rapportages", "count": 2.0, "newest": noon().Format(time.RFC3339)},
			map[string]any{"part": "care-plans", "label": "care-plans", "count": 0.0, "newest": nil},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("start panel (-want +got):\n%s", diff)
	}
	wantLog := []logged{{Action: "read", Event: "dossier", Outcome: "success", User: "daughter", UserName: "P. de Vries", Role: "contact", Client: "1"}}
	if diff := cmp.Diff(wantLog, p.accesses()); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}
