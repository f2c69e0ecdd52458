package store

import (
	"slices"

	"dossiersync/store/dossier"
)

// Around holds items in memory, from which others are rendered where there is no replica.
type Around struct{ s surroundings }

// NewAround returns an empty Around for items of the tenant.
func NewAround(tenant string) *Around {
	return &Around{surroundings{tenant: tenant, shown: make(map[string]*Shown),
		hidden: make(map[string]bool), members: make(map[string][]*Shown)}}
}

// Lookup finds items for rendering one of the client's.
func (a *Around) Lookup(client string) Lookup { return a.s.lookup(client) }

// Put adds the item, in place of an earlier version of it; r is what it was rendered to, if it is shown.
func (a *Around) Put(it *dossier.Item, r Rendered) {
	key := dossier.Key(a.s.tenant, it.Ref)
	if it.State != dossier.StateShown || it.Content == nil {
		hides := slices.Contains(hidingReasons, string(it.Reason))
		a.s.hidden[key] = hides
		for _, name := range it.Aliases {
			a.s.hidden[dossier.Key(a.s.tenant, name)] = hides
		}
		return
	}
	shown := &Shown{key, r.kind(it.Content), it.Client, r.Card, r.Body, r.Model}
	a.s.shown[key] = shown
	switch c := it.Content.(type) {
	case *dossier.Questionnaire:
		for _, name := range c.Names() {
			a.s.shown[dossier.Key(a.s.tenant, name)] = shown
		}
	case *dossier.Staff:
		for _, name := range c.Identifiers {
			a.s.shown[dossier.Key(a.s.tenant, name)] = shown
		}
	}
	if shown.Kind != dossier.KindPlanPart && shown.Kind != dossier.KindAgreement {
		return
	}
	for _, ref := range it.Content.Refs() {
		plan := dossier.Key(a.s.tenant, ref)
		list := slices.DeleteFunc(a.s.members[plan], func(s *Shown) bool { return s.Key == key })
		a.s.members[plan] = append(list, shown)
	}
}
