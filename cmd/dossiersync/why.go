package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dossiersync/config"
	"dossiersync/portalapi"
	"dossiersync/store"
)

type whyCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Client string `help:"The client (the source's Patient id)." required:"" placeholder:"ID"`
	User   string `help:"Say what this user sees (the sub of their token)." placeholder:"USER"`
}

// Help implements kong's HelpProvider.
func (*whyCmd) Help() string {
	return `Says what a client's dossier shows and to whom, and what keeps it from showing
more: whether the client is known, who has which rights and whether they count
today, what is stored, hidden, withdrawn or in quarantine and why, and how up to
date it is. It ends with a sentence on each part. It tells no names, and nothing
that is written in the dossier.

Examples:
  dossiersync why --tenant amaris --client 4711
  dossiersync why --tenant amaris --client 4711 --user 8f14e45f

Exit codes: 0 the client is known; 1 not.`
}

// Run implements the command.
func (c *whyCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		answer, err := c.answer(ctx, cfg, st)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, answer)
		} else {
			answer.print(a.out, zoneOf(cfg, c.Tenant))
		}
		if err == nil && answer.Known == nil {
			err = errTold
		}
		return err
	})
}

func (c *whyCmd) answer(ctx context.Context, cfg *config.Config, st *store.Store) (*whyAnswer, error) {
	why, err := st.Why(ctx, c.Tenant, c.Client, c.User)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(cfg.Tenants, func(t config.Tenant) bool { return t.ID == c.Tenant })
	status, err := readStatus(ctx, st, &cfg.Tenants[i], why.Standing.Now)
	if err != nil {
		return nil, err
	}
	runs, err := st.Runs(ctx, store.RunFilter{Tenant: c.Tenant, Limit: 5})
	if err != nil {
		return nil, err
	}
	w := &whyAnswer{Client: c.Client, Tenant: status, Owed: why.Owed, Nameless: why.Nameless,
		Grants: []whyGrant{}, Streams: whyStreams(why.Items), Runs: append([]store.Run{}, runs...)}
	if why.Client != nil {
		w.Known = &knownClient{*why.Client, why.Client.Reason.Meaning()}
	}
	if c.User != "" {
		w.User = &whyUser{c.User, why.Standing.Dossier != nil && why.Standing.Awaiting == nil}
	}
	for _, g := range why.Grants {
		w.Grants = append(w.Grants, newWhyGrant(g))
	}
	portal := portalTenants(cfg)[i]
	for _, part := range store.Parts() {
		w.Parts = append(w.Parts, w.part(portal, &why, part))
	}
	return w, nil
}

// whyAnswer is all that decides what one dossier shows.
type whyAnswer struct {
	Client   string       `json:"client"`
	Known    *knownClient `json:"known"` // null: the replica has never heard of the client
	Tenant   tenantStatus `json:"tenant"`
	Owed     *time.Time   `json:"backfillOwedSince"` // null: the history has been read
	Grants   []whyGrant   `json:"grants"`
	Streams  []whyStream  `json:"streams"`
	Nameless int64        `json:"quarantinedWithoutClient"` // of the tenant's; may be of this client
	User     *whyUser     `json:"user"`                     // null: none was asked about
	Parts    []whyPart    `json:"parts"`
	Runs     []store.Run  `json:"runs"` // the tenant's last
}

type knownClient struct {
	store.ClientStanding
	Meaning string `json:"meaning"` // of the reason
}

type whyUser struct {
	User  string `json:"user"`
	Opens bool   `json:"opens"` // false: the portal API answers as if there were no such dossier, or 503 after a restore
}

type whyGrant struct {
	store.GrantOn
	Counts        bool     `json:"counts"`        // today
	ContactCounts *bool    `json:"contactCounts"` // null: it names none
	Meanings      []string `json:"meanings"`      // of its faults
}

func newWhyGrant(g store.GrantOn) whyGrant {
	w := whyGrant{GrantOn: g, Counts: len(g.Faults) == 0, Meanings: []string{}}
	if g.Contact != nil {
		counts := !slices.ContainsFunc(g.Faults, store.GrantFault.OfContact)
		w.ContactCounts = &counts
	}
	for _, f := range g.Faults {
		w.Meanings = append(w.Meanings, f.Meaning())
	}
	return w
}

// whyStream is what the replica has of one stream.
type whyStream struct {
	Stream store.Stream `json:"stream"`
	Shown  int64        `json:"shown"`
	Newest *time.Time   `json:"newest"`
	Others []whyOther   `json:"others"` // what is not shown
}

type whyOther struct {
	State   store.State  `json:"state"`
	Reason  store.Reason `json:"reason"`
	Meaning string       `json:"meaning"`
	Count   int64        `json:"count"`
}

// whyStreams sorts what there is by stream, in reading order.
func whyStreams(items []store.ItemCount) []whyStream {
	list := []whyStream{}
	for _, stream := range store.Streams() {
		s := whyStream{Stream: stream, Others: []whyOther{}}
		for _, n := range items {
			switch {
			case n.Stream != stream:
			case n.State == store.StateShown:
				s.Shown += n.Count
				if s.Newest == nil || n.Newest != nil && n.Newest.After(*s.Newest) {
					s.Newest = n.Newest
				}
			default:
				s.Others = append(s.Others, whyOther{n.State, n.Reason, n.Reason.Meaning(), n.Count})
			}
		}
		if s.Shown > 0 || len(s.Others) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// whyPart is what decides about one part of the dossier.
type whyPart struct {
	Part       store.Part           `json:"part"`
	Shared     bool                 `json:"shared"`
	AsOf       *time.Time           `json:"asOf"`
	State      store.FreshnessState `json:"state"`
	Rechecking bool                 `json:"rechecking"`
	Incomplete bool                 `json:"incomplete"`
	Shown      int64                `json:"shown"` // to whoever has the right
	Newest     *time.Time           `json:"newest"`
	Users      []string             `json:"users"`      // who have the right today
	Sees       *int64               `json:"sees"`       // how many the user asked about sees; null: none was
	Reason     *string              `json:"reason"`     // what the portal API gives as reason for an empty list
	Conclusion string               `json:"conclusion"` // for people
}

var kindOfPart = map[store.Part]store.Kind{
	store.PartReports: store.KindReport, store.PartForms: store.KindForm, store.PartCarePlans: store.KindCarePlan,
}

// part puts together what there is to say of a part.
func (w *whyAnswer) part(portal portalapi.Tenant, why *store.Why, part store.Part) whyPart {
	p := whyPart{Part: part, Users: []string{}}
	for _, n := range why.Items {
		if n.Kind == kindOfPart[part] && n.State == store.StateShown {
			p.Shown, p.Newest = n.Count, n.Newest
		}
	}
	for _, g := range w.Grants {
		if g.Counts && slices.Contains(g.Parts, part) {
			p.Users = append(p.Users, g.User)
		}
	}
	// As it is to somebody with every right.
	entitled := why.Standing
	if why.Client != nil && why.Client.State == store.StateShown {
		entitled.Dossier = &store.Dossier{Client: w.Client, Manager: true, Parts: store.Parts(), Deceased: why.Client.Deceased}
	}
	e := portalapi.Explain(portal, &entitled, part)
	p.Shared, p.AsOf, p.State, p.Rechecking, p.Incomplete = e.Shared, e.AsOf, e.State, e.Rechecking, e.Incomplete
	asked, seen := &entitled, p.Shown
	if w.User != nil {
		asked, seen = &why.Standing, seenOf(why.Counts, part)
		p.Sees = &seen
	}
	if w.Tenant.AwaitingGrants != nil {
		seen, asked = 0, &store.Standing{}
		if p.Sees != nil {
			p.Sees = &seen
		}
	}
	if !e.Shared {
		seen = 0 // what was stored before is not served
	}
	if asked.Dossier != nil && seen == 0 {
		reason := portalapi.Explain(portal, asked, part).Reason
		p.Reason = &reason
	}
	p.Conclusion = w.conclude(&p, portal.Location)
	return p
}

func seenOf(counts []store.PartCount, part store.Part) int64 {
	for _, n := range counts {
		if n.Kind == kindOfPart[part] {
			return n.Count
		}
	}
	return 0
}

// stored tells what there is of a part, and what of it is not shown.
func (w *whyAnswer) stored(p *whyPart, zone *time.Location) string {
	text := fmt.Sprintf("%d shown", p.Shown)
	switch {
	case p.Shown > 0 && p.Newest != nil:
		text += ", newest " + p.Newest.In(zone).Format(time.DateOnly)
	case p.Shown > 0:
	case w.Owed != nil:
		text = "nothing yet, since the client's history is still to be read"
	case p.AsOf == nil && w.Tenant.Unreachable != nil:
		text = "nothing yet, since the source cannot be reached"
	case p.AsOf == nil:
		text = "nothing yet, since they were never read to the end"
	default:
		text = "nothing to show"
	}
	var others = make(map[store.State]int64)
	for _, s := range w.Streams {
		for _, o := range s.Others {
			if s.Stream == store.Stream(p.Part) {
				others[o.State] += o.Count
			}
		}
	}
	for _, state := range []store.State{store.StateHidden, store.StateWithdrawn, store.StateQuarantined} {
		if n := others[state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return text
}

// conclude says of a part, in a sentence, who sees what of it, and why no more.
func (w *whyAnswer) conclude(p *whyPart, zone *time.Location) string {
	switch {
	case w.Tenant.AwaitingGrants != nil:
		return "nobody sees any: after a restore the portal has not sent all grants again"
	case w.Known == nil:
		return "nobody sees any: the client is not known"
	case w.Known.State != store.StateShown:
		return fmt.Sprintf("nobody sees any: the client is %s (%s): %s", w.Known.State, w.Known.Reason, w.Known.Meaning)
	case w.Known.Deceased:
		return "nobody sees any: the client has died, and reading has ended"
	case !p.Shared:
		return "nobody sees any: the organisation does not share them (no search of this stream is configured)"
	case p.Rechecking:
		return fmt.Sprintf("nobody sees any until all have been read again, since the rules on what to hide have changed; %d are stored", p.Shown)
	case w.User != nil:
		return w.stored(p, zone) + "; " + w.toUser(p)
	case len(p.Users) == 1:
		return w.stored(p, zone) + "; 1 user may see them"
	case len(p.Users) > 1:
		return fmt.Sprintf("%s; %d users may see them", w.stored(p, zone), len(p.Users))
	}
	return fmt.Sprintf("%s; nobody may see them: %s", w.stored(p, zone), w.whyNobody(p.Part))
}

func (w *whyAnswer) whyNobody(part store.Part) string {
	switch {
	case len(w.Grants) == 0:
		return "there is no grant on this dossier"
	case slices.ContainsFunc(w.Grants, func(g whyGrant) bool { return slices.Contains(g.Parts, part) }):
		return "no grant that has this part counts today"
	}
	return "no grant has this part"
}

// toUser says whether the user asked about sees a part that is there to be seen.
func (w *whyAnswer) toUser(p *whyPart) string {
	i := slices.IndexFunc(w.Grants, func(g whyGrant) bool { return g.User == w.User.User })
	switch {
	case i < 0:
		return "this user does not see them: they have no grant on this dossier"
	case !w.Grants[i].Counts:
		return "this user does not see them: their grant does not count today"
	case !slices.Contains(w.Grants[i].Parts, p.Part):
		return "this user does not see them: their grant does not have this part"
	case *p.Sees == 0:
		return "this user would see them"
	}
	return "this user sees them"
}
