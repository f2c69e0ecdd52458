package render

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

type (
	planCardJSON struct {
		ID     string       `json:"id"`
		Kind   dossier.Kind `json:"kind"`
		Title  string       `json:"title"`
		Period periodJSON   `json:"period"`
		Author *authorJSON  `json:"author"`
	}
	periodJSON struct {
		Start *string `json:"start"`
		End   *string `json:"end"`
	}
	planJSON struct {
		Description *string        `json:"description"`
		Addresses   []string       `json:"addresses"`
		Team        []authorJSON   `json:"team"`
		Domains     []domainJSON   `json:"domains"`
		Evaluations []noteJSON     `json:"evaluations"`
		Notes       []noteJSON     `json:"notes"`
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
		By *string `json:"by"`
		At *string `json:"at"`
	}
)

func (r *Renderer) goal(key string, g *dossier.Goal, look store.Lookup) goalJSON {
	out := goalJSON{
		ID: key, Description: g.Description, Status: g.Status, Achievement: orNil(g.Achievement), Start: orNil(g.Start),
		Targets: make([]targetJSON, 0, len(g.Targets)), Notes: r.notes(g.Notes, look),
	}
	for _, t := range g.Targets {
		out.Targets = append(out.Targets, targetJSON{t.Text, orNil(t.Due)})
	}
	return out
}

// plan renders a plan with what its parts bring; within is of what it is a part
// itself. What a part says of itself then stands under its title, and it is a thing
// that is done, even where it lists nothing to do.
func (r *Renderer) plan(ref dossier.Ref, p *dossier.CarePlan, within []string, look store.Lookup) (planCardJSON, planJSON, error) {
	card := planCardJSON{
		ID: r.key(ref), Kind: dossier.KindCarePlan, Title: cmp.Or(p.Title, r.rules.PlanTitle),
		Period: periodJSON{orNil(p.Start), orNil(p.End)}, Author: r.author(p.Author, look),
	}
	parts, agreement, err := r.members(ref, look)
	if err != nil {
		return card, planJSON{}, err
	}
	all := r.domains(ref, p, look)
	for i := range parts {
		all.add(parts[i].body.Domains)
	}
	description, narrative := p.Description, p.Narrative
	if len(within) > 0 {
		if !all.acts {
			all.itself(cmp.Or(p.Title, p.Description), actionStatus(p))
			if p.Title == "" {
				description = ""
			}
		}
		description, narrative = headed(p.Title, description), headed(p.Title, narrative)
	}
	body := planJSON{
		Description: orNil(description), Addresses: append([]string{}, p.Addresses...), Team: r.team(p.Team, look), Domains: all.list(),
		Evaluations: r.notes(p.Evaluations, look), Notes: r.notes(p.Notes, look),
		Agreement: agreement, Narrative: orNil(narrative),
	}
	body.add(parts)
	return card, body, nil
}

// domains are a plan's goals and actions, by domain.
type domains struct {
	groups map[dossier.Domain]*domainJSON
	of     map[string]dossier.Domain // the domain of each goal, by id
	ids    []string                  // of the goals, in their order
	acts   bool                      // there are actions
}

// domains groups the goals and actions that a plan names itself. A goal that is
// hidden, or has not arrived, is not among them.
func (r *Renderer) domains(plan dossier.Ref, p *dossier.CarePlan, look store.Lookup) *domains {
	d := &domains{groups: make(map[dossier.Domain]*domainJSON), of: make(map[string]dossier.Domain), ids: []string{}}
	for _, ref := range goalsOf(p) {
		if goal, domain, ok := shownGoal(look.Shown(ref)); ok {
			d.goal(goal, domain)
		}
	}
	own := make([]string, len(p.OwnGoals))
	for i := range p.OwnGoals {
		// They have no identity of their own, but a place in the plan's.
		own[i] = r.key(dossier.Ref{Type: plan.Type + "#goal", ID: plan.ID + "#" + strconv.Itoa(i)})
		d.goal(r.goal(own[i], &p.OwnGoals[i], look), p.OwnGoals[i].Domain)
	}
	for _, a := range p.Actions {
		action := actionJSON{Description: a.Description, Status: orNil(a.Status), Goals: []string{}}
		for _, ref := range a.Goals {
			if _, ok := d.of[r.key(ref)]; ok {
				action.Goals = append(action.Goals, r.key(ref))
			}
		}
		for _, i := range a.OwnGoals {
			if i >= 0 && i < len(own) {
				action.Goals = append(action.Goals, own[i])
			}
		}
		d.act(action, a.Domain)
	}
	return d
}

func (d *domains) group(of dossier.Domain) *domainJSON {
	if d.groups[of] == nil {
		d.groups[of] = &domainJSON{Code: orNil(of.Code), Name: orNil(of.Name), Goals: []goalJSON{}, Actions: []actionJSON{}}
	}
	return d.groups[of]
}

// goal adds a goal, unless it is there.
func (d *domains) goal(g goalJSON, of dossier.Domain) {
	if _, again := d.of[g.ID]; again {
		return
	}
	d.of[g.ID] = of
	d.ids = append(d.ids, g.ID)
	group := d.group(of)
	group.Goals = append(group.Goals, g)
}

// act adds an action. One without a domain of its own stands in that of its first
// goal that has one.
func (d *domains) act(a actionJSON, of dossier.Domain) {
	for _, id := range a.Goals {
		of = cmp.Or(of, d.of[id])
	}
	d.acts = true
	group := d.group(of)
	group.Actions = append(group.Actions, a)
}

// itself adds a part as an action, unless it is called what one of its goals says.
func (d *domains) itself(description string, status *string) {
	for _, group := range d.groups {
		if slices.ContainsFunc(group.Goals, func(g goalJSON) bool { return g.Description == description }) {
			return
		}
	}
	if description != "" {
		d.act(actionJSON{Description: description, Status: status, Goals: d.ids}, dossier.Domain{})
	}
}

// add adds what a part of the plan has.
func (d *domains) add(list []domainJSON) {
	for _, part := range list {
		of := dossier.Domain{Code: orEmpty(part.Code), Name: orEmpty(part.Name)}
		for _, g := range part.Goals {
			d.goal(g, of)
		}
	}
	for _, part := range list {
		for _, a := range part.Actions {
			d.act(a, dossier.Domain{Code: orEmpty(part.Code), Name: orEmpty(part.Name)})
		}
	}
}

func (d *domains) list() []domainJSON {
	out := make([]domainJSON, 0, len(d.groups))
	for _, of := range slices.SortedFunc(maps.Keys(d.groups), compareDomains) {
		out = append(out, *d.groups[of])
	}
	return out
}

// goalsOf lists the goals of a plan and of its actions, each once.
func goalsOf(p *dossier.CarePlan) []dossier.Ref {
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

func shownGoal(s *store.Shown) (goalJSON, dossier.Domain, bool) {
	var g goalJSON
	var model dossier.Goal
	if s == nil || s.Kind != dossier.KindGoal {
		return g, dossier.Domain{}, false
	}
	if json.Unmarshal(s.Body, &g) != nil || json.Unmarshal(s.Model, &model) != nil {
		return g, dossier.Domain{}, false
	}
	return g, model.Domain, true
}

// domainOrder is the order in which Dutch care plans list the four domains.
var domainOrder = []string{"mentaal", "lichamelijk", "participatie", "wonen"}

// compareDomains puts the four first, then others by name, then what has none.
func compareDomains(a, b dossier.Domain) int {
	rank := func(d dossier.Domain) int {
		if i := slices.Index(domainOrder, d.Code); i >= 0 {
			return i
		}
		if d == (dossier.Domain{}) {
			return len(domainOrder) + 1
		}
		return len(domainOrder)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Code, b.Code))
}
