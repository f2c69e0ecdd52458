package operate

import (
	"context"
	"slices"
	"time"

	"dossiersync/portalapi"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// WhyOf returns what the client's dossier shows, to which users, and why nothing else; with a user,
// also what that user sees. It first writes to the access log that the operator by has asked, and
// fails with [store.ErrLogUnavailable] if it cannot.
func WhyOf(ctx context.Context, st *store.Store, t *Tenant, client, user, by string) (*Why, error) {
	why, err := st.Why(ctx, t.ID, client, user, by)
	if err != nil {
		return nil, err
	}
	status, err := StatusOf(ctx, st, t)
	if err != nil {
		return nil, err
	}
	runs, err := st.Runs(ctx, store.RunFilter{Tenant: t.ID, Limit: 5})
	if err != nil {
		return nil, err
	}
	w := &Why{Client: client, Tenant: status, Owed: why.Owed, Nameless: why.Nameless,
		Withheld: append([]store.Withholding{}, why.Withheld...),
		LeftOut:  append([]store.ItemsLeftOut{}, why.LeftOut...),
		Grants:   []WhyGrant{}, Streams: whyStreams(why.Items), Runs: append([]store.Run{}, runs...)}
	if why.Client != nil {
		w.Known = &KnownClient{*why.Client, why.Client.Reason.Meaning()}
	}
	if user != "" {
		w.User = &WhyUser{user, why.Standing.Dossier != nil && why.Standing.Awaiting == nil}
	}
	for _, g := range why.Grants {
		w.Grants = append(w.Grants, newWhyGrant(g))
	}
	portal := t.portal()
	for _, part := range dossier.Parts() {
		w.Parts = append(w.Parts, w.part(portal, &why, part))
	}
	return w, nil
}

// Why is everything that decides what one dossier shows.
type Why struct {
	Client string       `json:"client"`
	Known  *KnownClient `json:"known"` // null: the replica does not know the client
	Tenant Status       `json:"tenant"`
	Owed   *time.Time   `json:"backfillOwedSince"` // null: the history has been read
	// Withheld is what operators keep from readers: the client, or items of the client.
	Withheld []store.Withholding  `json:"withheld"`
	Grants   []WhyGrant           `json:"grants"`
	Streams  []WhyStream          `json:"streams"`
	LeftOut  []store.ItemsLeftOut `json:"leftOut"`                  // of the shown items
	Nameless int64                `json:"quarantinedWithoutClient"` // in the tenant; may be of this client
	User     *WhyUser             `json:"user"`                     // null: no user was given
	Parts    []WhyPart            `json:"parts"`
	Runs     []store.Run          `json:"runs"` // the tenant's last ones
}

// KnownClient is the client in the replica.
type KnownClient struct {
	store.ClientStanding
	Meaning string `json:"meaning"` // of the reason
}

// ClientWithheld returns the withholding of the client; nil: the client is not withheld.
func (w *Why) ClientWithheld() *store.Withholding {
	for i := range w.Withheld {
		if w.Withheld[i].Client != "" {
			return &w.Withheld[i]
		}
	}
	return nil
}

// WhyUser is the user in question.
type WhyUser struct {
	User  string `json:"user"`
	Opens bool   `json:"opens"` // false: the portal API answers as if there were no such dossier, or 503 after a restore
}

// WhyGrant is a grant on the dossier, and whether it counts.
type WhyGrant struct {
	store.GrantOn
	Counts        bool     `json:"counts"`        // today
	ContactCounts *bool    `json:"contactCounts"` // null: the grant has no contact
	Meanings      []string `json:"meanings"`      // of its faults
}

func newWhyGrant(g store.GrantOn) WhyGrant {
	w := WhyGrant{GrantOn: g, Counts: len(g.Faults) == 0, Meanings: []string{}}
	if g.Contact != nil {
		counts := !slices.ContainsFunc(g.Faults, store.GrantFault.OfContact)
		w.ContactCounts = &counts
	}
	for _, f := range g.Faults {
		w.Meanings = append(w.Meanings, f.Meaning())
	}
	return w
}

// WhyStream counts the client's items of one stream.
type WhyStream struct {
	Stream dossier.Stream `json:"stream"`
	Shown  int64          `json:"shown"`
	Newest *time.Time     `json:"newest"`
	Others []WhyOther     `json:"others"` // not shown
}

// WhyOther counts the items of a stream that are not shown for one reason.
type WhyOther struct {
	State   dossier.State  `json:"state"`
	Reason  dossier.Reason `json:"reason"`
	Meaning string         `json:"meaning"`
	Count   int64          `json:"count"`
}

// whyStreams groups the counts by stream, in reading order.
func whyStreams(items []store.ItemCount) []WhyStream {
	list := []WhyStream{}
	for _, stream := range dossier.Streams() {
		s := WhyStream{Stream: stream, Others: []WhyOther{}}
		for _, n := range items {
			switch {
			case n.Stream != stream:
			case n.State == dossier.StateShown:
				s.Shown += n.Count
				if s.Newest == nil || n.Newest != nil && n.Newest.After(*s.Newest) {
					s.Newest = n.Newest
				}
			default:
				s.Others = append(s.Others, WhyOther{n.State, n.Reason, n.Reason.Meaning(), n.Count})
			}
		}
		if s.Shown > 0 || len(s.Others) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// WhyPart is everything that decides what one part of the dossier shows.
type WhyPart struct {
	Part       dossier.Part         `json:"part"`
	Shared     bool                 `json:"shared"`
	AsOf       *time.Time           `json:"asOf"`
	State      store.FreshnessState `json:"state"`
	Rechecking bool                 `json:"rechecking"`
	Incomplete bool                 `json:"incomplete"`
	Shown      int64                `json:"shown"` // to users with the right
	Newest     *time.Time           `json:"newest"`
	Users      []string             `json:"users"`      // with the right today
	Sees       *int64               `json:"sees"`       // how many the user in question sees; null: no user was given
	Reason     *string              `json:"reason"`     // the portal API's reason for an empty list
	Conclusion string               `json:"conclusion"` // for people
}

var kindOfPart = map[dossier.Part]dossier.Kind{
	dossier.PartReports: dossier.KindReport, dossier.PartForms: dossier.KindForm,
	dossier.PartCarePlans: dossier.KindCarePlan,
}

// part returns what decides about a part.
func (w *Why) part(portal portalapi.Tenant, why *store.Why, part dossier.Part) WhyPart {
	p := WhyPart{Part: part, Users: []string{}}
	for _, n := range why.Items {
		if n.Kind == kindOfPart[part] && n.State == dossier.StateShown {
			p.Shown, p.Newest = n.Count, n.Newest
		}
	}
	for _, g := range w.Grants {
		if g.Counts && slices.Contains(g.Parts, part) {
			p.Users = append(p.Users, g.User)
		}
	}
	// The part as a user with every right sees it.
	entitled := why.Standing
	if why.Client != nil && why.Client.State == dossier.StateShown {
		entitled.Dossier = &store.Dossier{
			Client: w.Client, Manager: true, Parts: dossier.Parts(), Deceased: why.Client.Deceased}
	}
	e := portalapi.Explain(portal, &entitled, part)
	p.Shared, p.AsOf, p.State, p.Rechecking, p.Incomplete = e.Shared, e.AsOf, e.State, e.Rechecking, e.Incomplete
	asked, seen := &entitled, p.Shown
	if w.User != nil {
		asked, seen = &why.Standing, seenOf(why.Counts, part)
		p.Sees = &seen
	}
	if w.Tenant.ShowsNothing() {
		seen, asked = 0, &store.Standing{}
		if p.Sees != nil {
			p.Sees = &seen
		}
	}
	if !e.Shared {
		seen = 0 // items that were stored before are not served
	}
	if asked.Dossier != nil && seen == 0 {
		reason := portalapi.Explain(portal, asked, part).Reason
		p.Reason = &reason
	}
	p.Conclusion = w.conclude(&p, portal.Location)
	return p
}

func seenOf(counts []store.PartCount, part dossier.Part) int64 {
	for _, n := range counts {
		if n.Kind == kindOfPart[part] {
			return n.Count
		}
	}
	return 0
}
