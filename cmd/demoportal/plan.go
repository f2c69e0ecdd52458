package main

import (
	"net/http"
	"slices"

	"dossiersync/portalapi/client"
)

// plansBody is the list of care plans.
type plansBody struct {
	Expired bool
	Plans   []client.PlanCard
	Newer   string
	Older   string
	Empty   *why
}

func (p *portal) plans(v *view) error {
	body := plansBody{Expired: v.URL.Query().Get("staat") == "vervallen"}
	state, query := client.PlanStateCurrent, "?staat=actueel"
	if body.Expired {
		state, query = client.PlanStateExpired, "?staat=vervallen"
	}
	list, err := answered(v.api.ListCarePlansWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListCarePlansParams{State: &state, Cursor: some(v.URL.Query().Get("cursor"))}))
	if isStatus(err, http.StatusBadRequest) { // an old cursor, or one that was changed
		return v.redirect(v.page.At("/plannen" + query))
	}
	if err != nil {
		return err
	}
	if c := text(list.JSON200.Page.NextCursor); c != "" {
		body.Older = v.page.At("/plannen" + query + "&cursor=" + c)
	}
	if c := text(list.JSON200.Page.PreviousCursor); c != "" {
		body.Newer = v.page.At("/plannen" + query + "&cursor=" + c)
	}
	if body.Plans = list.JSON200.Items; len(body.Plans) == 0 {
		body.Empty = some(plansEmptiness(list.JSON200.Freshness, body.Expired))
	}
	return v.show("plans", v.page.Label("care-plans"), &list.JSON200.Freshness, body)
}

// plansEmptiness returns why there are no plans of a state.
func plansEmptiness(f client.Freshness, expired bool) why {
	if f.Reason == nil || *f.Reason != client.FreshnessReasonNoMatch {
		return emptiness(f)
	}
	if expired {
		return why{"Er zijn geen vervallen plannen", "Een plan komt hier te staan als het niet meer geldt."}
	}
	return why{"Er is nu geen actueel plan", "Kijk bij de vervallen plannen voor de afspraken van eerder."}
}

// planBody is a care plan, with each action and evaluation at its goal.
type planBody struct {
	client.Plan
	Previous, Next *client.Neighbour
	Parts          []planDomain
	Loose          []client.Evaluation // evaluations of the plan as a whole
}

type planDomain struct {
	Name  string
	Goals []planGoal
	Loose []planAction // actions that are for no goal of this domain
}

type planGoal struct {
	client.Goal
	Evaluations []client.Note
	Actions     []planAction
	Reports     string // the URL of the reports about it; empty on paper, and for readers who may not see them
}

type planAction struct {
	Description, Status, Label, Timing, Product, Amount, Location, Reason string
	Performer                                                             []client.Author
	Evaluations                                                           []client.Note
}

func (p *portal) plan(v *view) error {
	one, err := answered(v.api.GetCarePlanWithResponse(v.Context(), v.page.Dossier.Client, v.PathValue("id")))
	if err != nil {
		return err
	}
	body := newPlanBody(one.JSON200.Item)
	for _, d := range body.Parts {
		for i := range d.Goals {
			if v.page.Has(string(client.PartReports)) {
				d.Goals[i].Reports = v.page.At("/lezen?doel=" + d.Goals[i].Id)
			}
		}
	}
	body.Previous, body.Next = one.JSON200.Previous, one.JSON200.Next
	return v.show("plan", body.Title, &one.JSON200.Freshness, body)
}

func newPlanBody(plan client.Plan) planBody {
	body := planBody{Plan: plan}
	for _, d := range plan.Domains {
		body.Parts = append(body.Parts, newPlanDomain(d))
	}
	for _, e := range plan.Evaluations {
		if len(all(e.Goals)) == 0 && e.Action == nil {
			body.Loose = append(body.Loose, e)
		}
	}
	return body
}

func newPlanDomain(d client.Domain) planDomain {
	domain := planDomain{Name: text(d.Name)}
	for _, g := range d.Goals {
		domain.Goals = append(domain.Goals, planGoal{Goal: g, Evaluations: all(g.Evaluations)})
	}
	for _, a := range d.Actions {
		action := planAction{Description: a.Description, Status: text(a.Status), Label: text(a.StatusLabel),
			Timing:  text(a.Timing),
			Product: text(a.Product), Amount: text(a.Amount), Location: text(a.Location), Reason: text(a.Reason),
			Performer: all(a.Performer), Evaluations: all(a.Evaluations)}
		placed := false
		for i := range domain.Goals {
			g := &domain.Goals[i]
			if slices.Contains(a.Goals, g.Id) {
				at := action
				at.Evaluations = without(action.Evaluations, g.Evaluations)
				g.Actions = append(g.Actions, at)
				placed = true
			}
		}
		if !placed {
			domain.Loose = append(domain.Loose, action)
		}
	}
	return domain
}

// without returns the notes that are not in the other list: an evaluation of an action is often also
// one of its goal.
func without(notes, others []client.Note) []client.Note {
	return slices.DeleteFunc(slices.Clone(notes), func(n client.Note) bool {
		return slices.ContainsFunc(others, func(o client.Note) bool {
			return n.Text == o.Text && (n.At == nil) == (o.At == nil) && (n.At == nil || n.At.Equal(*o.At))
		})
	})
}

// all returns the list that p points to; none for nil.
func all[T any](p *[]T) []T {
	if p == nil {
		return nil
	}
	return *p
}
