package sync

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"dossiersync/store"
)

type (
	planCardJSON struct {
		ID     string      `json:"id"`
		Kind   store.Kind  `json:"kind"`
		Title  string      `json:"title"`
		Period periodJSON  `json:"period"`
		Author *authorJSON `json:"author"`
	}
	periodJSON struct {
		Start *string `json:"start"`
		End   *string `json:"end"`
	}
	planJSON struct {
		Description *string        `json:"description"`
		Domains     []domainJSON   `json:"domains"`
		Evaluations []noteJSON     `json:"evaluations"`
		Agreement   *agreementJSON `json:"agreement"`
		Narrative   *string        `json:"narrative"`
	}
	domainJSON struct {
		Code    *string      `json:"code"`
		Name    *string      `json:"name"`
		Goals   []goalJSON   `json:"goals"`
		Actions []actionJSON `json:"actions"`
	}
	goalJSON struct {
		ID          string       `json:"id"`
		Description string       `json:"description"`
		Status      string       `json:"status"`
		Achievement *string      `json:"achievement"`
		Start       *string      `json:"start"`
		Targets     []targetJSON `json:"targets"`
		Notes       []noteJSON   `json:"notes"`
	}
	targetJSON struct {
		Text string  `json:"text"`
		Due  *string `json:"due"`
	}
	actionJSON struct {
		Description string   `json:"description"`
		Status      *string  `json:"status"`
		Goals       []string `json:"goals"`
	}
	agreementJSON struct {
		By string  `json:"by"`
		At *string `json:"at"`
	}
)

func (r *renderer) goal(key string, g *store.Goal, look store.Lookup) goalJSON {
	out := goalJSON{
		ID: key, Description: g.Description, Status: g.Status, Achievement: orNil(g.Achievement), Start: orNil(g.Start),
		Targets: make([]targetJSON, 0, len(g.Targets)), Notes: r.notes(g.Notes, look),
	}
	for _, t := range g.Targets {
		out.Targets = append(out.Targets, targetJSON{t.Text, orNil(t.Due)})
	}
	return out
}

func (r *renderer) plan(ref store.Ref, p *store.CarePlan, look store.Lookup) (planCardJSON, planJSON) {
	card := planCardJSON{
		ID: r.key(ref), Kind: store.KindCarePlan, Title: cmp.Or(p.Title, r.rules.PlanTitle),
		Period: periodJSON{orNil(p.Start), orNil(p.End)}, Author: r.author(p.Author, look),
	}
	body := planJSON{
		Description: orNil(p.Description), Domains: r.domains(ref, p, look),
		Evaluations: r.notes(p.Evaluations, look), Narrative: orNil(p.Narrative),
	}
	if p.Agreement != nil {
		body.Agreement = &agreementJSON{p.Agreement.By, r.timeOrNil(p.Agreement.At)}
	}
	return card, body
}

// domains groups a plan's goals and actions. A goal that is hidden, or has not
// arrived, is not among them; an action without a domain of its own stands in
// that of its first goal.
func (r *renderer) domains(plan store.Ref, p *store.CarePlan, look store.Lookup) []domainJSON {
	groups := make(map[store.Domain]*domainJSON)
	group := func(d store.Domain) *domainJSON {
		if groups[d] == nil {
			groups[d] = &domainJSON{Code: orNil(d.Code), Name: orNil(d.Name), Goals: []goalJSON{}, Actions: []actionJSON{}}
		}
		return groups[d]
	}
	domainOf := make(map[store.Ref]store.Domain)
	for _, ref := range goalsOf(p) {
		goal, domain, ok := shownGoal(look(ref))
		if !ok {
			continue
		}
		domainOf[ref] = domain
		g := group(domain)
		g.Goals = append(g.Goals, goal)
	}
	own := make([]string, len(p.OwnGoals))
	for i := range p.OwnGoals {
		// They have no identity of their own, but a place in the plan's.
		own[i] = r.key(store.Ref{Type: plan.Type + "#goal", ID: plan.ID + "#" + strconv.Itoa(i)})
		g := group(p.OwnGoals[i].Domain)
		g.Goals = append(g.Goals, r.goal(own[i], &p.OwnGoals[i], look))
	}
	for _, a := range p.Actions {
		action := actionJSON{Description: a.Description, Status: orNil(a.Status), Goals: []string{}}
		domain := a.Domain
		for _, ref := range a.Goals {
			d, ok := domainOf[ref]
			if !ok {
				continue
			}
			action.Goals = append(action.Goals, r.key(ref))
			domain = cmp.Or(domain, d)
		}
		for _, i := range a.OwnGoals {
			if i < 0 || i >= len(own) {
				continue
			}
			action.Goals = append(action.Goals, own[i])
			domain = cmp.Or(domain, p.OwnGoals[i].Domain)
		}
		g := group(domain)
		g.Actions = append(g.Actions, action)
	}
	list := make([]store.Domain, 0, len(groups))
	for d := range groups {
		list = append(list, d)
	}
	slices.SortFunc(list, compareDomains)
	out := make([]domainJSON, 0, len(list))
	for _, d := range list {
		out = append(out, *groups[d])
	}
	return out
}

// goalsOf lists the goals of a plan and of its actions, each once.
func goalsOf(p *store.CarePlan) []store.Ref {
	refs := slices.Clone(p.Goals)
	for _, a := range p.Actions {
		for _, ref := range a.Goals {
			if !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

func shownGoal(s *store.Shown) (goalJSON, store.Domain, bool) {
	var g goalJSON
	var model store.Goal
	if s == nil || s.Kind != store.KindGoal {
		return g, store.Domain{}, false
	}
	if json.Unmarshal(s.Body, &g) != nil || json.Unmarshal(s.Model, &model) != nil {
		return g, store.Domain{}, false
	}
	return g, model.Domain, true
}

// domainOrder is the order in which Dutch care plans list the four domains.
var domainOrder = []string{"mentaal", "lichamelijk", "participatie", "wonen"}

// compareDomains puts the four first, then others by name, then what has none.
func compareDomains(a, b store.Domain) int {
	rank := func(d store.Domain) int {
		if i := slices.Index(domainOrder, d.Code); i >= 0 {
			return i
		}
		if d == (store.Domain{}) {
			return len(domainOrder) + 1
		}
		return len(domainOrder)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Code, b.Code))
}
