package render

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// One plan may be many CarePlans: zib2020 sends one for each intervention. Such a
// part is stored like a plan, but served only within the plan that it belongs to,
// whose shape takes over that of its parts, and of theirs. The parts know of what
// they are parts; the plan takes those that think so.

// planModel is what a plan is rendered from again, and where it has its place.
type planModel struct {
	*dossier.CarePlan

	Within []string `json:"within,omitempty"` // the keys of the plans that it is part of, the nearest first
}

// maxNesting is how deep parts may be nested (I12).
const maxNesting = 16

// within returns the keys of the plans that p is part of, from the nearest to the
// whole; nothing if it stands on its own. Of plans that name each other in a
// circle the one with the smallest key is the whole: so it is the same one in
// whatever order they come.
func (r *Renderer) within(ref dossier.Ref, p *dossier.CarePlan, look store.Lookup) ([]string, error) {
	self := r.key(ref)
	for _, named := range p.PartOf {
		parent, ok := shownPlan(look.Shown(named))
		if !ok || named == ref || !r.belongs(p, parent.CarePlan) {
			continue
		}
		chain := append([]string{r.key(named)}, parent.Within...)
		if i := slices.Index(chain, self); i > 0 {
			if self < slices.Min(chain[:i]) {
				continue
			}
			chain = chain[:i]
		}
		if len(chain) > maxNesting {
			return nil, errors.New("it is a part of a part of a part, and so on, too often")
		}
		return chain, nil
	}
	return nil, nil
}

// belongs reports whether a part belongs where it says. What is in force does not
// disappear in a plan that is not, and what was replaced is not shown as if it
// were still in force. A plan that began when the other had ended follows it.
func (r *Renderer) belongs(part, whole *dossier.CarePlan) bool {
	switch {
	case part.Open && !whole.Open, part.Superseded && whole.Open:
		return false
	case part.Start != "" && whole.Ends != "":
		return dossier.LocalDate(part.At.Time, r.zone) <= whole.Ends
	}
	return true
}

func shownPlan(s *store.Shown) (planModel, bool) {
	var m planModel
	if s == nil || s.Kind != dossier.KindCarePlan && s.Kind != dossier.KindPlanPart {
		return m, false
	}
	err := json.Unmarshal(s.Model, &m)
	return m, err == nil && m.CarePlan != nil
}

// part is a part of a plan as it was rendered.
type part struct {
	key   string
	model planModel
	body  planJSON
}

// members returns the parts of a plan, in the order in which they began, and the
// agreement to the plan: its own, else that to its parts; of several the newest.
func (r *Renderer) members(plan dossier.Ref, look store.Lookup) (parts []part, agreed *agreementJSON, err error) {
	list, tooMany := look.Members(plan)
	if tooMany {
		return nil, nil, errors.New("it has too many parts")
	}
	var newest agreement
	size := 0
	for _, s := range list {
		if s.Kind == dossier.KindAgreement {
			if a := newAgreement(s); a.isNewer(newest) {
				newest = a
			}
			continue
		}
		m, ok := shownPlan(s)
		if !ok || len(m.Within) == 0 || m.Within[0] != r.key(plan) {
			continue
		}
		one := part{key: s.Key, model: m}
		if err := json.Unmarshal(s.Body, &one.body); err != nil {
			return nil, nil, err
		}
		one.body.complete()
		if size += len(s.Body); size > store.MaxBodies {
			return nil, nil, errors.New("its parts are too large together")
		}
		parts = append(parts, one)
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(a.model.At.Time.Compare(b.model.At.Time), cmp.Compare(a.model.Title, b.model.Title), cmp.Compare(a.key, b.key))
	})
	if newest.key != "" {
		return parts, &agreementJSON{r.agreedBy(newest.By, look), r.timeOrNil(newest.At)}, nil
	}
	for _, p := range parts {
		if a := p.body.Agreement; a != nil && (agreed == nil || moment(a.At).After(moment(agreed.At))) {
			agreed = a
		}
	}
	return parts, agreed, nil
}

// agreement is one as stored.
type agreement struct {
	dossier.PlanAgreement

	key string
}

func newAgreement(s *store.Shown) agreement {
	a := agreement{key: s.Key}
	// What is stored was marshalled by this package.
	_ = json.Unmarshal(s.Model, &a.PlanAgreement)
	return a
}

func (a agreement) isNewer(than agreement) bool {
	order := cmp.Or(a.At.Time.Compare(than.At.Time), cmp.Compare(than.key, a.key))
	return than.key == "" || order > 0
}

// agreedBy names who agreed, nil if that is not known: a client or a contact by
// the name in their own record, staff as authors are named.
func (r *Renderer) agreedBy(p dossier.Party, look store.Lookup) *string {
	found := look.Shown(p.Ref)
	switch {
	case isHidden(p, look):
		return nil
	case found != nil && found.Kind != dossier.KindStaff:
		var n nameJSON
		_ = json.Unmarshal(found.Card, &n)
		return orNil(cmp.Or(n.Name, p.Display))
	case found == nil && p.Inline != nil:
		return orNil(p.Inline.Name)
	case found == nil && dossier.StaffKindOf(p.Ref.Type) == "":
		return orNil(p.Display)
	}
	a := r.author([]dossier.Party{p}, look)
	switch {
	case a == nil:
		return nil
	case a.Name != nil:
		return a.Name
	}
	return a.Role
}

// actionStatus returns the status of a part that is itself the thing done.
func actionStatus(p *dossier.CarePlan) *string {
	if p.Superseded {
		return orNil("stopped")
	}
	return orNil(map[string]string{
		"active": "in-progress", "on-hold": "on-hold", "completed": "completed", "revoked": "stopped"}[p.Status])
}

// headed returns text under a title, unless one is missing.
func headed(title, text string) string {
	if title == "" || text == "" {
		return text
	}
	return title + "\n" + text
}

// add adds to a plan what its parts say beside goals and actions.
func (b *planJSON) add(parts []part) {
	for i := range parts {
		p := &parts[i].body
		b.Description, b.Narrative = joined(b.Description, p.Description), joined(b.Narrative, p.Narrative)
		for _, s := range p.Addresses {
			if !slices.Contains(b.Addresses, s) {
				b.Addresses = append(b.Addresses, s)
			}
		}
		for _, a := range p.Team {
			b.Team = appendAuthor(b.Team, a)
		}
		b.Evaluations = append(b.Evaluations, p.Evaluations...)
		b.Notes = append(b.Notes, p.Notes...)
	}
	slices.SortStableFunc(b.Evaluations, func(a, b evaluationJSON) int { return moment(b.At).Compare(moment(a.At)) })
	slices.SortStableFunc(b.Notes, func(a, b noteJSON) int { return moment(b.At).Compare(moment(a.At)) })
}

func joined(a, b *string) *string {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return orNil(strings.Join([]string{*a, *b}, "\n\n"))
}

// team lists who else works on a plan, each once.
func (r *Renderer) team(parties []dossier.Party, look store.Lookup) []authorJSON {
	list := []authorJSON{}
	for _, p := range parties {
		if a := r.author([]dossier.Party{p}, look); a != nil {
			list = appendAuthor(list, *a)
		}
	}
	return list
}

func appendAuthor(list []authorJSON, a authorJSON) []authorJSON {
	for _, b := range list {
		if orEmpty(a.Name) == orEmpty(b.Name) && orEmpty(a.Role) == orEmpty(b.Role) {
			return list
		}
	}
	return append(list, a)
}

// moment is what a time says that was rendered by this package; zero for none.
func moment(s *string) time.Time {
	t, _ := time.Parse(time.RFC3339, orEmpty(s))
	return t
}
