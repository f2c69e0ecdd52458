package operate

import (
	"fmt"
	"slices"
	"time"

	"dossiersync/store/dossier"
)

// stored describes the items of a part: how many are shown, and how many are not.
func (w *Why) stored(p *WhyPart, zone *time.Location) string {
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
	others := make(map[dossier.State]int64)
	for _, s := range w.Streams {
		for _, o := range s.Others {
			if s.Stream == dossier.Stream(p.Part) {
				others[o.State] += o.Count
			}
		}
	}
	for _, state := range []dossier.State{dossier.StateHidden, dossier.StateWithdrawn, dossier.StateQuarantined} {
		if n := others[state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return text
}

// conclude returns a sentence about who sees the items of a part, and why others do not.
func (w *Why) conclude(p *WhyPart, zone *time.Location) string {
	switch {
	case w.Tenant.AwaitingErasures != nil:
		return "nobody sees any: after a restore what was erased has not been erased again"
	case w.Tenant.AwaitingGrants != nil:
		return "nobody sees any: after a restore the portal has not sent all grants again"
	case w.ClientWithheld() != nil:
		return "nobody sees any: withheld by an operator since " +
			w.ClientWithheld().Since.In(zone).Format("2006-01-02 15:04 MST")
	case w.Known == nil:
		return "nobody sees any: the client is not known"
	case w.Known.State != dossier.StateShown:
		return fmt.Sprintf("nobody sees any: the client is %s (%s): %s", w.Known.State, w.Known.Reason, w.Known.Meaning)
	case w.Known.Deceased:
		return "nobody sees any: the client has died, and reading has ended"
	case !p.Shared:
		return "nobody sees any: the organisation does not share them (no search of this stream is configured)"
	case p.Rechecking:
		return fmt.Sprintf("nobody sees any until all have been read again, "+
			"since the rules on what to hide have changed; %d are stored", p.Shown)
	case w.User != nil:
		return w.stored(p, zone) + "; " + w.toUser(p)
	case len(p.Users) == 1:
		return w.stored(p, zone) + "; 1 user may see them"
	case len(p.Users) > 1:
		return fmt.Sprintf("%s; %d users may see them", w.stored(p, zone), len(p.Users))
	}
	return fmt.Sprintf("%s; nobody may see them: %s", w.stored(p, zone), w.whyNobody(p.Part))
}

func (w *Why) whyNobody(part dossier.Part) string {
	switch {
	case len(w.Grants) == 0:
		return "there is no grant on this dossier"
	case slices.ContainsFunc(w.Grants, func(g WhyGrant) bool { return slices.Contains(g.Parts, part) }):
		return "no grant that has this part counts today"
	}
	return "no grant has this part"
}

// toUser returns whether the user in question sees a part that is shown to others, and why not.
func (w *Why) toUser(p *WhyPart) string {
	i := slices.IndexFunc(w.Grants, func(g WhyGrant) bool { return g.User == w.User.User })
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
