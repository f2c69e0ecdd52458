package render

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

func TestEvaluationsStandWithGoalAndAction(t *testing.T) {
	t.Parallel()
	r := New("amaris", amsterdam(t), Rules{})
	note := func(s string) dossier.Note { return dossier.Note{Text: s} }
	p := &dossier.CarePlan{
		OwnGoals: []dossier.Goal{
			{Description: "Lopen", Status: "active", Outcomes: []dossier.Evaluation{{Note: note("gehaald")}}, Targets: []dossier.Target{{Due: "2025-06"}, {Text: "72 kg", DueWithin: "6 weken"}}},
			{Description: "Eten", Status: "active"},
		},
		Actions: []dossier.Action{
			{Description: "Wandelen", OwnGoals: []int{0}, Timing: "elke dag", Team: []dossier.Party{{Display: "dochter"}}},
			{Description: "Koken", OwnGoals: []int{1}},
		},
		Evaluations: []dossier.Evaluation{
			{Note: note("loopt goed"), Action: 1, OwnGoals: []int{0}}, {Note: note("kookt zelf"), Action: 2, OwnGoals: []int{1}}, {Note: note("algemeen")},
		},
	}
	all := r.domains(dossier.Ref{Type: "CarePlan", ID: "p"}, p, store.Lookup{})
	texts := func(list []noteJSON) (all []string) {
		for _, n := range list {
			all = append(all, n.Text)
		}
		return all
	}
	goals, actions := all.list()[0].Goals, all.list()[0].Actions
	for name, test := range map[string][2][]string{
		"first goal":    {texts(goals[0].Evaluations), {"gehaald", "loopt goed"}},
		"second goal":   {texts(goals[1].Evaluations), {"kookt zelf"}},
		"first action":  {texts(actions[0].Evaluations), {"loopt goed"}},
		"second action": {texts(actions[1].Evaluations), {"kookt zelf"}},
	} {
		if diff := cmp.Diff(test[1], test[0]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if e := all.evaluations; len(e) != 3 || e[0].Goals[0] != goals[0].ID || *e[0].Action != actions[0].ID || *e[1].Action != actions[1].ID ||
		len(e[2].Goals) != 0 || e[2].Action != nil {
		t.Errorf("got %+v", e)
	}
	if *actions[0].Timing != "elke dag" || *actions[0].Performer[0].Name != "dochter" || actions[0].ID == actions[1].ID {
		t.Errorf("got %+v", actions[0])
	}
	if targets := goals[0].Targets; targets[0].Text != nil || *targets[1].DueWithin != "6 weken" {
		t.Errorf("got %+v", targets)
	}
}

// What an earlier version rendered lacks lists that are served now.
func TestOldBodyOfPartIsCompleted(t *testing.T) {
	t.Parallel()
	var body planJSON
	old := `{"domains":[{"goals":[{"id":"g","targets":[{"text":"","due":null}],"notes":[]}],"actions":[{"description":"x","goals":[]}]}],"evaluations":[{"text":"e"}]}`
	if err := json.Unmarshal([]byte(old), &body); err != nil {
		t.Fatal(err)
	}
	body.complete()
	d := body.Domains[0]
	if body.Evaluations[0].Goals == nil || d.Goals[0].Evaluations == nil || d.Actions[0].Performer == nil || d.Actions[0].Evaluations == nil || d.Goals[0].Targets[0].Text != nil {
		t.Errorf("got %+v", body)
	}
}
