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

		KindLabel string `json:"kindLabel"`
	}
	periodJSON struct {
		Start *string `json:"start"`
		End   *string `json:"end"`
	}
	planJSON struct {
		Description *string          `json:"description"`
		Addresses   []string         `json:"addresses"`
		Team        []authorJSON     `json:"team"`
		Domains     []domainJSON     `json:"domains"`
		Evaluations []evaluationJSON `json:"evaluations"`
		Notes       []noteJSON       `json:"notes"`
		Agreement   *agreementJSON   `json:"agreement"`
		Narrative   *string          `json:"narrative"`
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

		StatusLabel      *string `json:"statusLabel"`
		AchievementLabel *string `json:"achievementLabel"`

		StatusReason *string     `json:"statusReason"`
		ExpressedBy  *authorJSON `json:"expressedBy"`
		Evaluations  []noteJSON  `json:"evaluations"`
	}
	targetJSON struct {
		Text      *string `json:"text"`
		Due       *string `json:"due"`
		DueWithin *string `json:"dueWithin"`
	}
	actionJSON struct {
		ID          string   `json:"id"`
		Description string   `json:"description"`
		Status      *string  `json:"status"`
		Goals       []string `json:"goals"`
		StatusLabel *string  `json:"statusLabel"`

		Timing      *string      `json:"timing"`
		Performer   []authorJSON `json:"performer"`
		Product     *string      `json:"product"`
		Amount      *string      `json:"amount"`
		Location    *string      `json:"location"`
		Reason      *string      `json:"reason"`
		Evaluations []noteJSON   `json:"evaluations"`
	}
	// evaluationJSON is a note on what is done, and on the goals that it is done for.
	evaluationJSON struct {
		noteJSON

		Goals  []string `json:"goals"`
		Action *string  `json:"action"`
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
		StatusLabel:      orNil(r.word("goal_status", g.Status)),
		AchievementLabel: orNil(r.word("achievement", g.Achievement)),
		StatusReason:     orNil(g.StatusReason), ExpressedBy: r.author([]dossier.Party{g.ExpressedBy}, look), Evaluations: []noteJSON{},
	}
	for _, t := range g.Targets {
		out.Targets = append(out.Targets, targetJSON{orNil(t.Text), orNil(t.Due), orNil(t.DueWithin)})
	}
	for _, e := range g.Outcomes {
		if !look.Hidden(e.Of) {
			out.Evaluations = append(out.Evaluations, r.note(e.Note, look))
		}
	}
	return out
}

// plan renders a plan with what its parts bring; within is of what it is a part
// itself. What a part says of itself then stands under its title, and it is a thing
// that is done, even where it lists nothing to do.
func (r *Renderer) plan(ref dossier.Ref, p *dossier.CarePlan, within []string, look store.Lookup) (planCardJSON, planJSON, error) {
	card := planCardJSON{
		ID: r.key(ref), Kind: dossier.KindCarePlan, Title: cmp.Or(p.Title, r.rules.PlanTitle),
		Period: periodJSON{orNil(p.Start), orNil(p.End)}, Author: r.cardAuthor(p.Author, look),
		KindLabel: r.word("kind", string(dossier.KindCarePlan)),
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
			status := actionStatus(p)
			all.itself(r.placeKey(ref, "action", 0), cmp.Or(p.Title, p.Description), status, orNil(r.word("action_status", orEmpty(status))))
			if p.Title == "" {
				description = ""
			}
		}
		description, narrative = headed(p.Title, description), headed(p.Title, narrative)
	}
	body := planJSON{
		Description: orNil(description), Addresses: append([]string{}, p.Addresses...), Team: r.team(p.Team, look), Domains: all.list(),
		Evaluations: all.evaluations, Notes: r.notes(p.Notes, look),
		Agreement: agreement, Narrative: orNil(narrative),
	}
	body.add(parts)
	return card, body, nil
}

// placeKey is the id of what has no identity of its own, but a place in a plan.
func (r *Renderer) placeKey(plan dossier.Ref, kind string, place int) string {
	return r.key(dossier.Ref{Type: plan.Type + "#" + kind, ID: plan.ID + "#" + strconv.Itoa(place)})
}

// complete sets the lists that a body lacks which an earlier version rendered.
func (b *planJSON) complete() {
	for i := range b.Evaluations {
		b.Evaluations[i].Goals = orNone(b.Evaluations[i].Goals)
	}
	for i := range b.Domains {
		for j := range b.Domains[i].Goals {
			b.Domains[i].Goals[j].complete()
		}
		for j := range b.Domains[i].Actions {
			a := &b.Domains[i].Actions[j]
			a.Performer, a.Evaluations = orNone(a.Performer), orNone(a.Evaluations)
		}
	}
}

// complete is the same for a goal; a target without a text had an empty one.
func (g *goalJSON) complete() {
	g.Evaluations = orNone(g.Evaluations)
	for i := range g.Targets {
		g.Targets[i].Text = orNil(orEmpty(g.Targets[i].Text))
	}
}

func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// domains are a plan's goals and actions, by domain.
type domains struct {
	groups      map[dossier.Domain]*domainJSON
	of          map[string]dossier.Domain // the domain of each goal, by id
	ids         []string                  // of the goals, in their order
	acts        bool                      // there are actions
	evaluations []evaluationJSON          // the newest first
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
		own[i] = r.placeKey(plan, "goal", i)
		d.goal(r.goal(own[i], &p.OwnGoals[i], look), p.OwnGoals[i].Domain)
	}
	d.evaluations = r.evaluations(plan, p, d, own, look)
	for i, a := range p.Actions {
		if look.Hidden(a.Of) {
			continue
		}
		action := actionJSON{
			ID: r.placeKey(plan, "action", i+1), Description: a.Description, Status: orNil(a.Status),
			StatusLabel: orNil(r.word("action_status", a.Status)), Goals: d.goalIDs(r, a.Goals, a.OwnGoals, own), Timing: orNil(a.Timing), Performer: r.team(a.Team, look),
			Product: orNil(a.Product), Amount: orNil(a.Amount), Location: orNil(a.Location), Reason: orNil(a.Reason),
			Evaluations: []noteJSON{},
		}
		for _, e := range d.evaluations {
			if orEmpty(e.Action) == action.ID {
				action.Evaluations = append(action.Evaluations, e.noteJSON)
			}
		}
		d.act(action, a.Domain)
	}
	for _, e := range d.evaluations {
		for _, id := range e.Goals {
			d.evaluate(id, e.noteJSON)
		}
	}
	return d
}

// evaluations renders how a plan's actions and goals go, the newest first.
func (r *Renderer) evaluations(plan dossier.Ref, p *dossier.CarePlan, d *domains, own []string, look store.Lookup) []evaluationJSON {
	list := slices.Clone(p.Evaluations)
	slices.SortStableFunc(list, func(a, b dossier.Evaluation) int { return b.At.Time.Compare(a.At.Time) })
	out := []evaluationJSON{}
	for _, e := range list {
		if look.Hidden(e.Of) {
			continue
		}
		one := evaluationJSON{noteJSON: r.note(e.Note, look), Goals: d.goalIDs(r, e.Goals, e.OwnGoals, own)}
		if i := e.Action - 1; i >= 0 && i < len(p.Actions) && !look.Hidden(p.Actions[i].Of) {
			one.Action = orNil(r.placeKey(plan, "action", e.Action))
		}
		out = append(out, one)
	}
	return out
}

// goalIDs returns the ids of those goals that are in the plan: own has those of its own goals.
func (d *domains) goalIDs(r *Renderer, goals []dossier.Ref, places []int, own []string) []string {
	ids := []string{}
	for _, ref := range goals {
		if _, ok := d.of[r.key(ref)]; ok {
			ids = append(ids, r.key(ref))
		}
	}
	for _, i := range places {
		if i >= 0 && i < len(own) {
			ids = append(ids, own[i])
		}
	}
	return ids
}

func (d *domains) group(of dossier.Domain) *domainJSON {
	if d.groups[of] == nil {
		d.groups[of] = &domainJSON{Code: orNil(of.Code), Name: orNil(of.Name), Goals: []goalJSON{}, Actions: []actionJSON{}}
	}
	return d.groups[of]
}

// goal adds a goal; to one that is there, what the evaluations of another part of the plan say.
func (d *domains) goal(g goalJSON, of dossier.Domain) {
	if _, again := d.of[g.ID]; again {
		for _, n := range g.Evaluations {
			d.evaluate(g.ID, n)
		}
		return
	}
	d.of[g.ID] = of
	d.ids = append(d.ids, g.ID)
	group := d.group(of)
	group.Goals = append(group.Goals, g)
}

// evaluate adds n to the evaluations of the goal of that id, unless it is there, the newest first.
func (d *domains) evaluate(id string, n noteJSON) {
	group := d.groups[d.of[id]]
	for i := range group.Goals {
		g := &group.Goals[i]
		if g.ID != id || slices.ContainsFunc(g.Evaluations, n.equals) {
			continue
		}
		g.Evaluations = append(g.Evaluations, n)
		slices.SortStableFunc(g.Evaluations, func(a, b noteJSON) int { return moment(b.At).Compare(moment(a.At)) })
	}
}

// equals reports whether two notes say the same, at one moment, by one author.
func (n noteJSON) equals(o noteJSON) bool {
	same := func(a, b *authorJSON) bool {
		if a == nil || b == nil {
			return a == b
		}
		return orEmpty(a.Name) == orEmpty(b.Name) && orEmpty(a.Role) == orEmpty(b.Role)
	}
	return n.Text == o.Text && orEmpty(n.At) == orEmpty(o.At) && same(n.Author, o.Author)
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
func (d *domains) itself(id, description string, status, label *string) {
	for _, group := range d.groups {
		if slices.ContainsFunc(group.Goals, func(g goalJSON) bool { return g.Description == description }) {
			return
		}
	}
	if description != "" {
		d.act(actionJSON{ID: id, Description: description, Status: status, StatusLabel: label, Goals: d.ids, Performer: []authorJSON{}, Evaluations: []noteJSON{}},
			dossier.Domain{})
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
	g.complete()
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
