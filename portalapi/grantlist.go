package portalapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dossiersync/portalapi/web"
	"dossiersync/store"
)

const (
	maxGrants     = 200_000   // of one organisation
	maxGrantsBody = 128 << 20 // bytes of all grants in JSON
	// uploadRetry is the Retry-After of an upload that came during another one.
	uploadRetry = 30 * time.Second
)

// clientGrantJSON is a grant with the client whose dossier it opens.
type clientGrantJSON struct {
	Client string `json:"client"`
	grantRequest
}

// putGrants stores all grants of the organisation, and revokes every other. A portal must do so
// after the replica was restored from a backup, and may do so at any time. The list is stored while
// it is received; there is one such upload per organisation at a time.
func (a *API) putGrants(ctx context.Context, c *call) (*result, error) {
	c.event.Action = "change"
	if err := web.ReadQuery(c.r).Err(); err != nil {
		return nil, err
	}
	if err := c.readActor(); err != nil {
		return nil, err
	}
	if err := a.uploads.acquire(c.tenant.ID); err != nil {
		return nil, err
	}
	defer a.uploads.release(c.tenant.ID)
	body, err := c.paceBody(a.uploads.readWait)
	if err != nil {
		return nil, err
	}
	defer body.abort()
	in, err := web.NewListBody(c.w, c.r, maxGrantsBody, maxGrant, "items", "asOf", "confirm")
	if err != nil {
		return nil, err
	}
	list := &grantList{in: in, seen: make(map[[16]byte]bool)}
	grants := store.GrantList{Next: list.next, End: func() store.ListEnd { return list.end }}
	stored, err := a.portal.PutGrants(ctx, c.identity(), grants, c.event.OnBehalfOf, c.event)
	if errors.Is(err, store.ErrListAsOf) {
		list.faults.Add("asOf",
			"Dit moment ligt in de toekomst, of vóór het terugzetten van de back-up: stuur een nieuwe lijst.")
		return nil, list.faults.Err()
	}
	if many, ok := errors.AsType[*store.ExcessiveListError](err); ok {
		return nil, &web.Problem{
			Type: web.Excessive, Counts: &web.Counts{Revokes: many.Revokes, Of: many.Of},
			Detail: fmt.Sprintf("Door deze lijst vervallen %d van de %d rechten. Er is niets veranderd. "+
				"Klopt dit, stuur de lijst dan opnieuw met confirm: %d.", many.Revokes, many.Of, many.Revokes),
		}
	}
	if err != nil {
		return nil, err
	}
	return &result{body: encode(map[string]any{"item": stored})}, nil
}

// grantList reads all grants of an organisation from a request. After the first fault it gives no more
// grants, but reads on, for the other faults.
type grantList struct {
	in     *web.ListBody
	n      int               // grants read so far
	seen   map[[16]byte]bool // digests of their clients and users
	end    store.ListEnd
	faults web.Faults
}

// next returns the next grant, or nil after the last. It fails with all faults of the list.
func (l *grantList) next() (*store.Grant, error) {
	for !l.faults.Full() {
		name, value, err := l.in.Next()
		p, isProblem := errors.AsType[*web.Problem](err)
		switch {
		case errors.Is(err, io.EOF):
			return nil, l.checkEnd()
		case isProblem && p.Type == web.InvalidParameter && l.faults.Any():
			l.faults.Add(p.Parameter, p.Detail)
			return nil, l.faults.Err()
		case err != nil:
			return nil, err
		case name == "asOf":
			l.readAsOf(value)
		case name == "confirm":
			if json.Unmarshal(value, &l.end.Confirmed) != nil || l.end.Confirmed < 0 {
				l.faults.Add("confirm", "Geef het aantal rechten dat mag vervallen, of null.")
			}
		case l.n == maxGrants:
			l.faults.Add("items", fmt.Sprintf("Geef hooguit %d rechten.", maxGrants))
			return nil, l.faults.Err()
		default:
			g := l.grant(value)
			if l.n++; !l.faults.Any() {
				return &g, nil
			}
		}
	}
	return nil, l.faults.Err()
}

// checkEnd adds what is missing in the list, and returns all faults.
func (l *grantList) checkEnd() error {
	if !l.in.Listed() {
		l.faults.Add("items", "Noem alle rechten, of geef een lege lijst: dan vervallen ze alle.")
	}
	if l.end.AsOf.IsZero() {
		l.faults.Add("asOf", asOfDetail)
	}
	return l.faults.Err()
}

const asOfDetail = "Zeg van wanneer deze lijst is, als 2026-03-01T09:30:00+01:00."

func (l *grantList) readAsOf(value []byte) {
	var text *string
	if json.Unmarshal(value, &text) != nil {
		l.faults.Add("asOf", asOfDetail)
		return
	}
	if text == nil {
		return // as if it were left out
	}
	at, err := time.Parse(time.RFC3339, *text)
	if err != nil || at.IsZero() {
		l.faults.Add("asOf", asOfDetail)
		return
	}
	l.end.AsOf = at
}

// grant reads a grant of the list, and adds its faults.
func (l *grantList) grant(value []byte) store.Grant {
	prefix := fmt.Sprintf("items[%d].", l.n)
	var in clientGrantJSON
	if p, ok := errors.AsType[*web.Problem](web.ParseFields(value, &in, prefix, &l.faults)); ok {
		l.faults.Add(strings.TrimSuffix(prefix, "."), p.Detail)
		return store.Grant{}
	}
	knownClient, knownUser := clientID.MatchString(in.Client), validUser(in.User)
	if !knownClient {
		l.faults.Add(prefix+"client", "Dit kan geen id van een cliënt zijn.")
	}
	if !knownUser {
		l.faults.Add(prefix+"user", "Dit kan geen gebruiker zijn.")
	}
	g := in.grant(in.Client, prefix, &l.faults)
	if knownClient && knownUser {
		// A client's id holds no space.
		sum := sha256.Sum256([]byte(in.Client + " " + in.User))
		digest := [16]byte(sum[:])
		if l.seen[digest] {
			l.faults.Add(prefix+"user", "Deze gebruiker staat er bij deze cliënt al.")
		}
		l.seen[digest] = true
	}
	return g
}
